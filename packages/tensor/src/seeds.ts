// What was measured once and ships with the engine: shapes where another family than the predicted one is clearly faster. Written from
// `roentgen tune MODEL --train --json`; a tuning of one's own goes before.

import type { DeviceInfo } from "@roentgen/gpu";

interface Seeds {
  /** What `describe` says of the adapters that these hold for. */
  readonly adapter: RegExp;
  /** Family by a task's key. */
  readonly winners: Readonly<Record<string, string>>;
}

const seeds: readonly Seeds[] = [
  {
    // Mesa 25.0.7, two cores: U-Net on ResNet-50 at batch 2, 128 px, and ResNet-50 at batch 8, 64 px; gains of an eighth to a half.
    adapter: /llvmpipe/,
    winners: {
      "conv2d.backwardWeight f32 x 2x16x16x128 weight 128x3x3x128 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.backwardWeight f32 x 2x32x32x64 weight 64x3x3x64 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.backwardX f32 x 2x16x16x128 weight 128x3x3x128 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.backwardX f32 x 2x32x32x64 weight 64x3x3x64 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.backwardX f32 x 2x64x64x64 weight 32x3x3x64 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.backwardX f32 x 8x16x16x64 weight 64x3x3x64 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.forward f32 x 2x16x16x128 weight 128x3x3x128 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.forward f32 x 2x16x16x512 weight 128x3x3x512 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
      "conv2d.forward f32 x 2x32x32x64 weight 64x3x3x64 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1": "winograd-lanes",
    },
  },
];

/** The family that ships for a task on this adapter. */
export function seedFor({ vendor, architecture, device, description }: DeviceInfo, key: string): string | undefined {
  const name = [vendor, architecture, device, description].join(" ");
  return seeds.find(({ adapter, winners }) => adapter.test(name) && Object.hasOwn(winners, key))?.winners[key];
}
