import type { Device } from "@roentgen/gpu";
import { conv2d, record } from "@roentgen/tensor";
import { bench, type Case, geometricMean, repeatsFor } from "./harness.ts";
import { noise } from "./noise.ts";
import { type ConvShape, resnet50Shapes } from "./resnet-shapes.ts";

const directions = ["forward", "dgrad", "wgrad"] as const;
type Direction = (typeof directions)[number];

/** GFLOP/s as the geometric mean over the shapes, on a software driver with two cores. */
const floor = 15;
const [batch, size] = [4, 64];

/** One direction of one shape: the op with all it launches (packing, partial sums), several times in a recorded plan. */
function caseOf(device: Device, direction: Direction, { name, side, inputs, outputs, kernel, stride, padding, result, flops }: ConvShape): Case & { dispose(): void } {
  const x = noise(device, [batch, side, side, inputs]);
  const weight = noise(device, [outputs, kernel, kernel, inputs]);
  const dy = noise(device, [batch, result, result, outputs]);
  x.trainable = weight.trainable = true;
  const forward = () => conv2d(x, weight, null, { stride, padding });
  // The gradient functions of an eager forward pass: recorded, they launch one direction and nothing else.
  const y = device.scope(forward);
  const [dx, dweight] = y.node?.gradients ?? [];
  const units = repeatsFor(flops);
  const once = { forward, dgrad: () => dx?.(dy), wgrad: () => dweight?.(dy) }[direction];
  const step = record(device, name, () => Array.from({ length: units }, once).at(-1), []);
  return {
    name: `${direction} ${name}`, units, flops,
    async run() {
      step.run();
      await device.idle();
    },
    dispose() {
      step.dispose();
      for (const made of [x, weight, dy, y]) made.dispose();
    },
  };
}

await bench("conv2d", `how fast are the convolutions of ResNet-50 at batch ${batch}, ${size} pixels, in each direction?`, async ({ device, measure, floor: state, note, torch, print }) => {
  const reached: Record<Direction, number[]> = { forward: [], dgrad: [], wgrad: [] };
  for (const shape of resnet50Shapes(batch, size)) {
    for (const direction of directions) {
      const test = caseOf(device, direction, shape);
      reached[direction].push((await measure(test)).gflopPerSecond ?? NaN);
      test.dispose();
      device.trim();
    }
  }
  print("geometric means over the shapes");
  for (const direction of directions) state(direction, geometricMean(reached[direction]), floor, "GFLOP/s");
  const peer = await torch("conv", { batch, size });
  for (const direction of directions) if (peer) note(`PyTorch ${direction}`, peer[direction] ?? NaN, "GFLOP/s");
});
