import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { conv2d, conv2dBy, type Conv2dOptions } from "./conv2d.ts";
import { plain } from "./conv2d-plain.ts";
import type { ConvolutionFamily } from "./convolution.ts";
import { windowOf } from "./window.ts";

/** [N,H,W,C], [K,R,S], options; `bias` defaults to false. */
export interface Conv2dShape {
  readonly x: readonly [number, number, number, number];
  readonly filter: readonly [number, number, number];
  readonly options?: Conv2dOptions;
  readonly bias?: boolean;
  /** Use this family whatever the device prefers. */
  readonly by?: ConvolutionFamily | undefined;
}

/** Seven loops. */
const reference = (options: Conv2dOptions) => (x: Host64, weight: Host64, bias?: Host64): Host64 => {
  const [n = 0, h = 0, w = 0, c = 0] = x.shape;
  const [k = 0, r = 0, s = 0, depth = 0] = weight.shape;
  const { stride, dilation, padding, output: [p, q] } = windowOf("reference", [h, w], [r, s], options);
  const filtersInGroup = k / (options.groups ?? 1);
  const y = host64([n, p, q, k]);
  let at = 0;
  for (let in_ = 0; in_ < n; in_++) for (let ip = 0; ip < p; ip++) for (let iq = 0; iq < q; iq++) for (let ik = 0; ik < k; ik++, at++) {
    let sum = bias?.data[ik] ?? 0;
    const first = Math.floor(ik / filtersInGroup) * depth;
    for (let ir = 0; ir < r; ir++) for (let is = 0; is < s; is++) {
      const row = ip * stride[0] + ir * dilation[0] - padding.top;
      const column = iq * stride[1] + is * dilation[1] - padding.left;
      if (row < 0 || row >= h || column < 0 || column >= w) continue;
      for (let ic = 0; ic < depth; ic++) {
        sum += (x.data[((in_ * h + row) * w + column) * c + first + ic] ?? NaN) * (weight.data[((ik * r + ir) * s + is) * depth + ic] ?? NaN);
      }
    }
    y.data[at] = sum;
  }
  return y;
};

export const conv2dCase = ({ x, filter, options = {}, bias = false, by }: Conv2dShape): OpCase => {
  const [k, r, s] = filter;
  const run = by ? conv2dBy(by) : conv2d;
  return {
    name: `${by ? `${by.name} ` : ""}conv2d [${x}] * [${filter}] ${JSON.stringify(options)}${bias ? " + bias" : ""}`,
    inputs: [{ shape: x }, { shape: [k, r, s, x[3] / (options.groups ?? 1)] }, ...(bias ? [{ shape: [k] }] : [])],
    run: (input, weight, b) => run(input, weight, b ?? null, options),
    reference: reference(options),
    tolerance: tolerances.reduction,
  };
};

const shapes: readonly Conv2dShape[] = [
  { x: [1, 1, 1, 1], filter: [1, 1, 1] },
  { x: [2, 5, 7, 3], filter: [5, 3, 3], options: { padding: 1 }, bias: true },
  { x: [1, 9, 9, 3], filter: [8, 7, 7], options: { stride: 2, padding: 3 } },
  { x: [2, 6, 5, 8], filter: [12, 1, 1], bias: true },
  { x: [2, 7, 5, 4], filter: [4, 1, 1], options: { stride: 2 } },
  { x: [2, 6, 6, 8], filter: [8, 3, 3], options: { stride: 2, padding: 1 } },
  { x: [1, 8, 8, 4], filter: [8, 3, 3], options: { stride: 2, padding: { top: 0, bottom: 1, left: 0, right: 1 } } },
  { x: [1, 9, 8, 8], filter: [4, 3, 2], options: { dilation: [2, 3], padding: [3, 1] } },
  { x: [1, 8, 9, 4], filter: [4, 3, 3], options: { stride: 2, dilation: 2, padding: 2 } },
  { x: [1, 7, 7, 4], filter: [4, 2, 2], options: { stride: 3 } },
  { x: [1, 5, 5, 8], filter: [16, 3, 3], options: { groups: 2, padding: 1 }, bias: true },
  { x: [1, 5, 5, 6], filter: [9, 3, 3], options: { groups: 3, padding: 1 } },
  { x: [1, 5, 4, 5], filter: [5, 3, 3], options: { groups: 5, padding: 1 }, bias: true },
  { x: [1, 2, 2, 36], filter: [36, 3, 3], options: { padding: 1 } },
  { x: [2, 17, 15, 4], filter: [4, 3, 3], options: { padding: 1 }, bias: true },
  { x: [1, 5, 7, 36], filter: [68, 1, 1], bias: true },
  { x: [3, 6, 7, 12], filter: [20, 3, 3], options: { stride: [1, 2], padding: 1 } },
  { x: [1, 4, 4, 9], filter: [35, 3, 2], options: { dilation: 2, padding: 2 }, bias: true },
  { x: [2, 9, 8, 3], filter: [16, 5, 5], options: { stride: 2, padding: 2 }, bias: true },
  // taps that meet nothing but padding, and one pixel in nine
  { x: [3, 2, 3, 8], filter: [8, 5, 5], options: { dilation: 2, padding: 4 } },
  { x: [2, 1, 1, 12], filter: [8, 3, 3], options: { padding: 1 } },
  { x: [18, 2, 2, 8], filter: [8, 3, 3], options: { padding: 1 }, bias: true },
  { x: [4, 9, 10, 8], filter: [8, 3, 3], options: { stride: [3, 2], padding: [2, 3] }, bias: true },
];

const inFours = ({ x, filter: [k], options: { groups = 1 } = {} }: Conv2dShape): boolean => (x[3] / groups) % 4 === 0 && (k / groups) % 4 === 0;

export const cases: readonly OpCase[] = [undefined, plain].flatMap((by) => [
  ...shapes.map((shape) => conv2dCase({ ...shape, by })),
  ...shapes.filter(inFours).map((shape) => halved(conv2dCase({ ...shape, by }), (i) => i < 2)),
]);
