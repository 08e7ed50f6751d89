import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { readStraight } from "./upsampled-conv2d.ts";

/** coarse is [N,H,W,C]; `skip` its channels, 0 for none; `filters` those of the result. */
export interface UpsampledConv2dShape {
  readonly coarse: readonly [number, number, number, number];
  readonly skip: number;
  readonly filters: number;
}

/** A 3x3 convolution that looks up each tap in the coarse image or in the skip. */
function reference(coarse: Host64, skip: Host64 | null, weight: Host64): Host64 {
  const [n = 0, h = 0, w = 0, c = 0] = coarse.shape;
  const [k = 0, , , all = 0] = weight.shape;
  const d = all - c;
  const y = host64([n, 2 * h, 2 * w, k]);
  let at = 0;
  for (let in_ = 0; in_ < n; in_++) for (let p = 0; p < 2 * h; p++) for (let q = 0; q < 2 * w; q++) for (let ik = 0; ik < k; ik++, at++) {
    let sum = 0;
    for (let r = 0; r < 3; r++) for (let s = 0; s < 3; s++) {
      const [row, column] = [p + r - 1, q + s - 1];
      if (row < 0 || row >= 2 * h || column < 0 || column >= 2 * w) continue;
      for (let ic = 0; ic < all; ic++) {
        const pixel = ic < c ? coarse.data[((in_ * h + (row >> 1)) * w + (column >> 1)) * c + ic] : skip?.data[((in_ * 2 * h + row) * 2 * w + column) * d + ic - c];
        sum += (pixel ?? NaN) * (weight.data[((ik * 3 + r) * 3 + s) * all + ic] ?? NaN);
      }
    }
    y.data[at] = sum;
  }
  return y;
}

export const upsampledConv2dCase = ({ coarse, skip, filters }: UpsampledConv2dShape): OpCase => {
  const [n, h, w, c] = coarse;
  const weight = { shape: [filters, 3, 3, c + skip] };
  return {
    name: `upsampledConv2d [${coarse}] + ${skip} -> ${filters}`,
    inputs: skip ? [{ shape: coarse }, { shape: [n, 2 * h, 2 * w, skip] }, weight] : [{ shape: coarse }, weight],
    run: (x, ...rest) => readStraight(x, skip ? (rest[0] ?? null) : null, rest.at(-1) ?? x),
    reference: (x, ...rest) => reference(x, skip ? (rest[0] ?? null) : null, rest.at(-1) ?? x),
    tolerance: tolerances.reduction,
  };
};

const shapes: readonly UpsampledConv2dShape[] = [
  { coarse: [1, 1, 1, 1], skip: 0, filters: 1 },
  { coarse: [1, 1, 1, 1], skip: 1, filters: 1 },
  { coarse: [2, 3, 2, 8], skip: 4, filters: 12 },
  { coarse: [2, 2, 3, 8], skip: 0, filters: 8 },
  { coarse: [1, 4, 3, 12], skip: 7, filters: 8 },
  { coarse: [1, 3, 3, 5], skip: 3, filters: 9 },
  { coarse: [1, 5, 4, 3], skip: 0, filters: 10 },
  { coarse: [1, 2, 2, 36], skip: 20, filters: 36 },
  // Longer than a thread walks.
  { coarse: [2, 2, 70, 4], skip: 4, filters: 4 },
  { coarse: [1, 3, 33, 3], skip: 0, filters: 2 },
];

const inFours = ({ coarse, skip, filters }: UpsampledConv2dShape): boolean => [coarse[3], skip, filters].every((n) => n % 4 === 0);

export const cases: readonly OpCase[] = [...shapes.map(upsampledConv2dCase), ...shapes.filter(inFours).map((shape) => halved(upsampledConv2dCase(shape)))];
