import { ShapeError } from "@roentgen/core";
import { imageToFloat as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { empty, type Tensor } from "../tensor.ts";
import { expectDType } from "./expect.ts";

/** Per channel, for images scaled to [0, 1]. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * 8-bit images as floats: (x / 255 - mean) / std, channel by channel. No gradient.
 *
 * @param x  u8[N,H,W,C], C from 1 to 4
 * @param mean, std  C numbers each
 * @returns  f32[N,H,W,C]
 * @throws ShapeError for another dtype, or where mean or std do not match the channels
 */
export const imageToFloat = op("imageToFloat", (x: Tensor, { mean, std }: Normalisation) => {
  expectDType("imageToFloat", "u8", { x });
  const channels = x.dim(-1);
  if (channels > 4 || mean.length !== channels || std.length !== channels || !std.every((s) => s > 0)) {
    throw new ShapeError(`imageToFloat: expected 1 to 4 channels with a mean and a positive std each, got mean [${mean}] and std [${std}]. x is ${x}.`);
  }
  const four = (values: readonly number[], rest: number) => [0, 1, 2, 3].map((c) => values[c] ?? rest);
  const y = empty(x.device, x.shape);
  launch(k.forward, { x, y, params: { n: x.size, channels, mean: four(mean, 0), deviation: four(std, 1) } }, groups(k.forward, Math.ceil(x.size / 4)), { flops: 3 * x.size });
  return [y, [null]];
});
