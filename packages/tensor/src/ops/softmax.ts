import { softmax as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { empty, emptyLike, type Tensor } from "../tensor.ts";
import { axisOf, expectDType } from "./expect.ts";
import { around } from "./layout.ts";

const soft = (name: "softmax" | "logSoftmax") =>
  op(name, (x: Tensor, { axis = -1 }: { readonly axis?: number } = {}) => {
    expectDType(name, "f32", { x });
    const { outer, length, inner } = around(x.shape, axisOf(name, x, axis));
    const rows = { n: outer * inner, length, inner };
    const params = { n: x.size, length, inner };
    const options = { overrides: { LOG: name === "logSoftmax" ? 1 : 0 }, flops: 4 * x.size };
    const stats = empty(x.device, [outer, inner, 2]);
    const y = emptyLike(x);
    launch(k.rows, { x, stats, params: rows }, groups(k.rows, rows.n));
    launch(k.forward, { x, row_stats: stats, y, params }, groups(k.forward, x.size), options);
    return [y, [
      (dy) => {
        const sums = empty(x.device, [outer, inner]);
        const dx = emptyLike(x);
        launch(k.backwardRows, { out: y, dy, sums, params: rows }, groups(k.backwardRows, rows.n), options);
        launch(k.backward, { out: y, dy, row_sums: sums, dx, params }, groups(k.backward, x.size), options);
        return dx;
      },
    ]];
  });

/**
 * exp(x) divided by its sum over an axis. Stable for any finite x.
 *
 * @param x     f32, at least one axis
 * @param axis  default the last; negative axes count from the end
 * @returns     f32, the shape of x
 * @throws ShapeError for an axis that x lacks
 */
export const softmax = soft("softmax");

/** The logarithm of `softmax`, without its underflow. Arguments, result and errors as `softmax`. */
export const logSoftmax = soft("logSoftmax");
