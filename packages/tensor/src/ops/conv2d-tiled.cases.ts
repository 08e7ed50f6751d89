import { halved, type OpCase } from "../testing/op-case.ts";
import { conv2dCase, type Conv2dShape } from "./conv2d.cases.ts";
import { stem } from "./conv2d-stem.ts";
import { tiledBy } from "./conv2d-tiled.ts";
import { smallest } from "./tiling.ts";

const by = tiledBy(smallest);

/** All by three pipelines: compiling one for a processor takes a second or several. */
const shapes: readonly Conv2dShape[] = [
  { x: [2, 5, 7, 3], filter: [5, 3, 3], options: { padding: 1 }, bias: true },
  { x: [1, 9, 9, 3], filter: [8, 7, 7], options: { stride: 2, padding: 3 } },
  { x: [2, 7, 5, 4], filter: [4, 1, 1], options: { stride: 2 } },
  { x: [2, 6, 6, 8], filter: [8, 3, 3], options: { stride: 2, padding: 1 }, bias: true },
  { x: [1, 8, 8, 4], filter: [8, 3, 3], options: { stride: 2, padding: { top: 0, bottom: 1, left: 0, right: 1 } } },
  { x: [1, 9, 8, 8], filter: [4, 3, 2], options: { dilation: [2, 3], padding: [3, 1] } },
  { x: [1, 8, 9, 4], filter: [4, 3, 3], options: { stride: 2, dilation: 2, padding: 2 } },
  { x: [1, 7, 7, 4], filter: [4, 2, 2], options: { stride: 3 } },
  { x: [3, 6, 7, 12], filter: [20, 3, 3], options: { stride: [1, 2], padding: 1 } },
  { x: [1, 4, 4, 9], filter: [35, 3, 2], options: { dilation: 2, padding: 2 }, bias: true },
  { x: [1, 3, 3, 64], filter: [36, 3, 3], options: { padding: 1 }, bias: true },
  { x: [2, 11, 13, 4], filter: [4, 3, 3], options: { padding: 1 } },
];

export const cases: readonly OpCase[] = shapes.map((shape) => conv2dCase({ ...shape, by }));

/** By pipelines of their own: single pixels, which are products; f16; the stem's kernel. */
export const moreCases: readonly OpCase[] = [
  conv2dCase({ x: [1, 1, 1, 1], filter: [1, 1, 1], by }),
  conv2dCase({ x: [1, 5, 7, 36], filter: [68, 1, 1], bias: true, by }),
  ...[
    conv2dCase({ x: [2, 6, 5, 8], filter: [36, 3, 3], options: { stride: 2, padding: 1 }, bias: true, by }),
    conv2dCase({ x: [2, 3, 3, 64], filter: [12, 3, 3], options: { padding: 1 }, bias: true, by }),
    conv2dCase({ x: [2, 6, 5, 8], filter: [12, 1, 1], bias: true, by }),
  ].map((test) => halved(test, (i) => i < 2)),
  conv2dCase({ x: [2, 11, 19, 3], filter: [8, 7, 7], options: { stride: 2, padding: 3 }, bias: true, by: stem }),
  conv2dCase({ x: [1, 9, 36, 2], filter: [68, 3, 3], options: { padding: 1 }, bias: true, by: stem }),
  conv2dCase({ x: [1, 9, 20, 1], filter: [8, 3, 5], options: { stride: [1, 3], padding: { top: 0, bottom: 1, left: 0, right: 2 } }, by: stem }),
];
