import type { Tensor } from "../tensor.ts";
import { host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { abs, clamp, exp, gelu, leakyRelu, log, neg, sigmoid, silu, sqrt, tanh } from "./unary.ts";

/** erf by its Taylor series, which converges fast enough in float64 for the arguments here. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

interface Row {
  readonly run: (x: Tensor) => Tensor;
  readonly f: (x: number) => number;
  readonly range?: readonly [number, number];
  /** Points where the slope jumps: values within 0.01 of them are moved away. */
  readonly kinks?: readonly number[];
}

/** One row per function (and option): what runs, its definition, where. */
export const functions: Readonly<Record<string, Row>> = {
  leakyRelu: { run: (x) => leakyRelu(x), f: (x) => (x > 0 ? x : 0.01 * x), kinks: [0] },
  "leakyRelu slope 0.2": { run: (x) => leakyRelu(x, { slope: 0.2 }), f: (x) => (x > 0 ? x : 0.2 * x), kinks: [0] },
  gelu: { run: (x) => gelu(x), f: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)), range: [-6, 6] },
  "gelu tanh": { run: (x) => gelu(x, { approximate: "tanh" }), f: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))), range: [-6, 6] },
  silu: { run: silu, f: (x) => x * logistic(x), range: [-12, 12] },
  sigmoid: { run: sigmoid, f: logistic, range: [-12, 12] },
  tanh: { run: tanh, f: Math.tanh, range: [-4, 4] },
  "tanh near 0": { run: tanh, f: Math.tanh, range: [-0.01, 0.01] },
  exp: { run: exp, f: Math.exp, range: [-3, 3] },
  log: { run: log, f: Math.log, range: [0.05, 9] },
  sqrt: { run: sqrt, f: Math.sqrt, range: [0.05, 9] },
  neg: { run: neg, f: (x) => -x },
  abs: { run: abs, f: Math.abs, kinks: [0] },
  clamp: { run: (x) => clamp(x, { min: -0.3, max: 0.6 }), f: (x) => Math.min(Math.max(x, -0.3), 0.6), kinks: [-0.3, 0.6] },
  "clamp from below": { run: (x) => clamp(x, { min: 0 }), f: (x) => Math.max(x, 0), kinks: [0] },
};

export function unaryCase(name: string, shape: readonly number[], seed = 0): OpCase {
  const { run, f, range: [low, high] = [-2, 2], kinks = [] } = functions[name] as Row;
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: n }, (_, i) => {
    const x = low + ((high - low) * ((i * 389 + seed * 61 + 7) % 997)) / 997;
    return kinks.some((kink) => Math.abs(x - kink) < 0.01) ? x + 0.02 : x;
  });
  const reference = (x: Host64): Host64 => host64(x.shape, x.data.map(f));
  return { name: `${name} [${shape}]`, inputs: [{ shape, values }], run, reference, tolerance: tolerances.transcendental };
}

export const cases: readonly OpCase[] = Object.keys(functions).flatMap((name) => [unaryCase(name, [2, 3, 5, 7]), unaryCase(name, [4, 33, 8])]);
