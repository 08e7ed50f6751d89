import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { convTranspose2d, type ConvTranspose2dOptions } from "./conv-transpose2d.ts";
import { windowOf } from "./window.ts";

/** x is [N,H,W,C_in], the filter [C_out, R, S]. */
export interface ConvTranspose2dShape {
  readonly x: readonly [number, number, number, number];
  readonly filter: readonly [number, number, number];
  readonly options?: ConvTranspose2dOptions;
  readonly bias?: boolean;
}

/** Every input pixel scatters its filter into the result. */
const reference = ({ outputPadding = 0, groups = 1, ...options }: ConvTranspose2dOptions) => (x: Host64, weight: Host64, bias?: Host64): Host64 => {
  const [n = 0, h = 0, w = 0, k = 0] = x.shape;
  const [, r = 0, s = 0, depth = 0] = weight.shape;
  const { stride, dilation, padding } = windowOf("reference", [999, 999], [r, s], options);
  const [below, right] = typeof outputPadding === "number" ? [outputPadding, outputPadding] : outputPadding;
  const p = (h - 1) * stride[0] - padding.top - padding.bottom + dilation[0] * (r - 1) + below + 1;
  const q = (w - 1) * stride[1] - padding.left - padding.right + dilation[1] * (s - 1) + right + 1;
  const c = depth * groups;
  const y = host64([n, p, q, c]);
  for (let i = 0; i < y.data.length; i++) y.data[i] = bias?.data[i % c] ?? 0;
  for (let in_ = 0; in_ < n; in_++) for (let ih = 0; ih < h; ih++) for (let iw = 0; iw < w; iw++) for (let ik = 0; ik < k; ik++) {
    const value = x.data[((in_ * h + ih) * w + iw) * k + ik] ?? NaN;
    const first = Math.floor(ik / (k / groups)) * depth;
    for (let ir = 0; ir < r; ir++) for (let is = 0; is < s; is++) {
      const row = ih * stride[0] + ir * dilation[0] - padding.top;
      const column = iw * stride[1] + is * dilation[1] - padding.left;
      if (row < 0 || row >= p || column < 0 || column >= q) continue;
      for (let ic = 0; ic < depth; ic++) {
        const at = ((in_ * p + row) * q + column) * c + first + ic;
        y.data[at] = (y.data[at] ?? NaN) + value * (weight.data[((ik * r + ir) * s + is) * depth + ic] ?? NaN);
      }
    }
  }
  return y;
};

export const convTranspose2dCase = ({ x, filter: [c, r, s], options = {}, bias = false }: ConvTranspose2dShape): OpCase => ({
  name: `convTranspose2d [${x}] * [${[c, r, s]}] ${JSON.stringify(options)}${bias ? " + bias" : ""}`,
  inputs: [{ shape: x }, { shape: [x[3], r, s, c / (options.groups ?? 1)] }, ...(bias ? [{ shape: [c] }] : [])],
  run: (input, weight, b) => convTranspose2d(input, weight, b ?? null, options),
  reference: reference(options),
  tolerance: tolerances.reduction,
});

export const cases: readonly OpCase[] = [
  convTranspose2dCase({ x: [1, 1, 1, 1], filter: [1, 1, 1] }),
  convTranspose2dCase({ x: [2, 5, 4, 8], filter: [4, 2, 2], options: { stride: 2 }, bias: true }),
  convTranspose2dCase({ x: [1, 4, 5, 8], filter: [8, 3, 3], options: { stride: 2, padding: 1, outputPadding: 1 } }),
  convTranspose2dCase({ x: [2, 3, 5, 3], filter: [5, 3, 3], options: { padding: 1 }, bias: true }),
  convTranspose2dCase({ x: [1, 4, 4, 4], filter: [4, 3, 2], options: { dilation: [2, 3], padding: [1, 2] } }),
  convTranspose2dCase({ x: [1, 4, 3, 4], filter: [4, 3, 3], options: { stride: [2, 1], dilation: 3, outputPadding: [2, 1] } }),
  convTranspose2dCase({ x: [1, 4, 4, 6], filter: [9, 3, 3], options: { groups: 3, stride: 2, padding: { top: 0, bottom: 1, left: 2, right: 0 } }, bias: true }),
  convTranspose2dCase({ x: [1, 3, 3, 36], filter: [36, 3, 3], options: { stride: 2, padding: 1 } }),
  halved(convTranspose2dCase({ x: [2, 5, 4, 8], filter: [4, 2, 2], options: { stride: 2 }, bias: true }), (i) => i < 2),
];
