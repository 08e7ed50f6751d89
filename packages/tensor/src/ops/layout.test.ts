import { expect, it } from "vitest";
import { broadcastShape, broadcastStrides, collapse } from "./layout.ts";

it.each([
  [[2, 3], [3], [2, 3]],
  [[2, 1, 4], [3, 1], [2, 3, 4]],
  [[], [5, 2], [5, 2]],
  [[1], [1, 1], [1, 1]],
  [[2, 3], [2], null],
  [[4], [5], null],
])("[%s] and [%s] broadcast to %s", (a, b, out) => {
  expect(broadcastShape(a, b)).toEqual(out);
});

it.each([
  { shape: [2, 3, 4], strides: [[12, 4, 1]], dims: [24], merged: [[1]], why: "contiguous axes become one" },
  { shape: [2, 3, 4], strides: [[12, 4, 1], [0, 0, 1]], dims: [6, 4], merged: [[4, 1], [0, 1]], why: "a repeated row leaves two" },
  { shape: [2, 3, 4], strides: [[12, 4, 1], [0, 0, 0]], dims: [24], merged: [[1], [0]], why: "a scalar leaves one" },
  { shape: [2, 3, 4], strides: [[1, 8, 2]], dims: [2, 12], merged: [[1, 2]], why: "a permuted walk merges what stays in order" },
  { shape: [1, 5, 1], strides: [[5, 1, 1]], dims: [5], merged: [[1]], why: "axes of size 1 go" },
  { shape: [], strides: [[]], dims: [1], merged: [[1]], why: "a scalar is one step" },
])("$why", ({ shape, strides, dims, merged }) => {
  expect(collapse(shape, strides)).toEqual({ dims, strides: merged });
});

it("repeats an operand with stride 0 where it has size 1 or no axis", () => {
  expect(broadcastStrides([3, 1, 2], [4, 3, 5, 2])).toEqual([0, 2, 0, 1]);
});
