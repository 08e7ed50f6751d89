// Elementwise functions of one tensor. One shader holds them all; `KIND` there is the number here.

import { ShapeError } from "@roentgen/core";
import { unary as k } from "@roentgen/kernels";
import { groups, launch, op } from "../op.ts";
import { emptyLike, type Tensor } from "../tensor.ts";
import { expectDType } from "./expect.ts";
import { inFours } from "./layout.ts";

interface Curve {
  readonly KIND: number;
  /** What backward reads; the other one may be given up. */
  readonly saves: "x" | "out";
}

const curves = {
  leakyRelu: { KIND: 1, saves: "out" },
  gelu: { KIND: 2, saves: "x" },
  geluTanh: { KIND: 3, saves: "x" },
  silu: { KIND: 4, saves: "x" },
  sigmoid: { KIND: 5, saves: "out" },
  tanh: { KIND: 6, saves: "out" },
  exp: { KIND: 7, saves: "out" },
  log: { KIND: 8, saves: "x" },
  sqrt: { KIND: 9, saves: "out" },
  abs: { KIND: 10, saves: "x" },
  clamp: { KIND: 11, saves: "x" },
} as const satisfies Record<string, Curve>;

interface Constants {
  readonly a?: number;
  readonly b?: number;
}

function map(x: Tensor, KIND: number, { a = 0, b = 0 }: Constants): Tensor {
  const y = emptyLike(x);
  const options = { overrides: { KIND }, flops: x.size };
  if (inFours(x.size)) launch(k.forward4, { x4: x, y4: y, params: { n: x.size / 4, a, b } }, groups(k.forward4, x.size / 4), options);
  else launch(k.forward, { x, y, params: { n: x.size, a, b } }, groups(k.forward, x.size), options);
  return y;
}

function mapGradient(saved: Tensor, dy: Tensor, KIND: number, { a = 0, b = 0 }: Constants): Tensor {
  const dx = emptyLike(dy);
  const n = dy.size;
  const options = { overrides: { KIND }, flops: n };
  if (inFours(n)) launch(k.backward4, { saved4: saved, dy4: dy, dx4: dx, params: { n: n / 4, a, b } }, groups(k.backward4, n / 4), options);
  else launch(k.backward, { saved, dy, dx, params: { n, a, b } }, groups(k.backward, n), options);
  return dx;
}

const apply = (name: string, { KIND, saves }: Curve, x: Tensor, constants: Constants = {}) => {
  expectDType(name, "f32", { x });
  const y = map(x, KIND, constants);
  const saved = saves === "x" ? x : y;
  return [y, [(dy: Tensor) => mapGradient(saved, dy, KIND, constants)]] as const;
};

/** factor * x, without leaving a node: for the gradients of other ops. */
export const scaled = (x: Tensor, factor: number): Tensor => map(x, 0, { a: factor });

/** -x, elementwise. f32, any shape. */
export const neg = op("neg", (x: Tensor) => {
  expectDType("neg", "f32", { x });
  return [scaled(x, -1), [(dy) => scaled(dy, -1)]];
});

/**
 * x where x > 0, else slope * x.
 *
 * @param x      f32, any shape
 * @param slope  at least 0, so that the result's sign tells the argument's
 * @returns      f32, the shape of x. The gradient at 0 is `slope`, as in PyTorch.
 * @throws ShapeError for a negative slope or another dtype
 */
export const leakyRelu = op("leakyRelu", (x: Tensor, { slope = 0.01 }: { readonly slope?: number } = {}) => {
  if (!(slope >= 0)) throw new ShapeError(`leakyRelu: slope must be at least 0, got ${slope}.`);
  return apply("leakyRelu", curves.leakyRelu, x, { a: slope });
});

/**
 * Gaussian error linear unit: x times the normal distribution's cdf, exactly (through erf, good to 2e-7) or by the usual
 * approximation with tanh. Definition: torch.nn.functional.gelu.
 *
 * @param x  f32, any shape
 */
export const gelu = op("gelu", (x: Tensor, { approximate = "none" }: { readonly approximate?: "none" | "tanh" } = {}) =>
  apply("gelu", approximate === "tanh" ? curves.geluTanh : curves.gelu, x));

/** x * sigmoid(x), elementwise. f32, any shape. */
export const silu = op("silu", (x: Tensor) => apply("silu", curves.silu, x));

/** 1 / (1 + exp(-x)), elementwise. f32, any shape. Saturates at 0 and 1. */
export const sigmoid = op("sigmoid", (x: Tensor) => apply("sigmoid", curves.sigmoid, x));

/** Hyperbolic tangent, elementwise. f32, any shape. Saturates at -1 and 1. */
export const tanh = op("tanh", (x: Tensor) => apply("tanh", curves.tanh, x));

/** e to the power of x, elementwise. f32, any shape. Infinite above 88.7. */
export const exp = op("exp", (x: Tensor) => apply("exp", curves.exp, x));

/** Natural logarithm, elementwise. f32, any shape. */
export const log = op("log", (x: Tensor) => apply("log", curves.log, x));

/** Square root, elementwise. f32, any shape. The gradient at 0 is infinite. */
export const sqrt = op("sqrt", (x: Tensor) => apply("sqrt", curves.sqrt, x));

/** |x|, elementwise. f32, any shape. The gradient at 0 is 0, as in PyTorch. */
export const abs = op("abs", (x: Tensor) => apply("abs", curves.abs, x));

const largest = 3.4028234663852886e38;

/**
 * x held between `min` and `max`, elementwise.
 *
 * @param x  f32, any shape
 * @returns  f32, the shape of x. The gradient passes where min <= x <= max, bounds included, as in PyTorch.
 * @throws ShapeError unless min <= max
 */
export const clamp = op("clamp", (x: Tensor, { min = -largest, max = largest }: { readonly min?: number; readonly max?: number }) => {
  if (!(min <= max)) throw new ShapeError(`clamp: min must not exceed max, got min ${min} and max ${max}.`);
  return apply("clamp", curves.clamp, x, { a: Math.max(min, -largest), b: Math.min(max, largest) });
});
