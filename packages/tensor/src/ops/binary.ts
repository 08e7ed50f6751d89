// Elementwise functions of two tensors, with NumPy's broadcasting: shapes are aligned at the last axis, sizes must be equal or 1.

import { op } from "../op.ts";
import type { GradientOf } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { type BinaryKind, combine, combineGradient } from "./binary-map.ts";
import { sumTo } from "./reduce.ts";
import { filled } from "./shape.ts";
import { scaled } from "./unary.ts";

/** The second operand may be a number. */
type Operand = Tensor | number;

/** Sums and differences: their gradients are dy itself, and read no operand. */
const isLinear = (kind: BinaryKind): boolean => kind === "add" || kind === "sub";

const binary = (kind: BinaryKind) =>
  op(kind, (a: Tensor, other: Operand): readonly [Tensor, readonly GradientOf[]] => {
    const b = typeof other === "number" ? filled(a, [], other) : other;
    const forA = (dy: Tensor) => sumTo(isLinear(kind) ? dy : combineGradient(kind, "a", a, b, dy), a.shape);
    const forB = (dy: Tensor) => sumTo(isLinear(kind) ? dy : combineGradient(kind, "b", a, b, dy), b.shape);
    const minus = (dy: Tensor) => (dy.dtype === "f16" ? combineGradient("sub", "b", a, b, dy) : scaled(forB(dy), -1));
    const signed = kind === "sub" ? minus : forB;
    return [combine(kind, a, b), typeof other === "number" ? [forA] : [forA, signed]];
  });

/**
 * a + b.
 *
 * @param a  f32, any shape; or f16, with a multiple of four elements and b of the same shape
 * @param b  of the dtype of a, any shape that broadcasts with a's, or a number
 * @returns  the broadcast shape, of the dtype of a. Gradients are summed back to each operand's shape.
 * @throws ShapeError where the shapes do not broadcast or the dtypes do not fit
 */
export const add = binary("add");

/** a - b. Arguments, result and errors as `add`. */
export const sub = binary("sub");

/** a * b, element by element. Arguments, result and errors as `add`. */
export const mul = binary("mul");

/** a / b. Arguments, result and errors as `add`. */
export const div = binary("div");

/**
 * a to the power of b. Arguments, result and errors as `add`. A negative a needs a whole b, else the result is NaN. 0 to the
 * power of 0 is 1, and the gradients there are 0, as in PyTorch.
 */
export const pow = binary("pow");

/** The larger of a and b, element by element; ties give half the gradient to each, as in torch.maximum. As `add` otherwise. */
export const maximum = binary("maximum");

/** The smaller of a and b, element by element; ties give half the gradient to each, as in torch.minimum. As `add` otherwise. */
export const minimum = binary("minimum");
