import type { Tensor } from "../tensor.ts";
import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { add, div, maximum, minimum, mul, pow, sub } from "./binary.ts";
import { broadcastShape, broadcastStrides } from "./layout.ts";

interface Row {
  readonly run: (a: Tensor, b: Tensor | number) => Tensor;
  readonly f: (a: number, b: number) => number;
  readonly ranges?: readonly [readonly [number, number], readonly [number, number]];
  /** Differences mean nothing where a and b are close: they are drawn from grids that never meet. */
  readonly kinked?: boolean;
}

export const functions: Readonly<Record<string, Row>> = {
  add: { run: add, f: (a, b) => a + b },
  sub: { run: sub, f: (a, b) => a - b },
  mul: { run: mul, f: (a, b) => a * b },
  div: { run: div, f: (a, b) => a / b, ranges: [[-2, 2], [0.4, 3]] },
  pow: { run: pow, f: Math.pow, ranges: [[0.2, 2.5], [-2, 2.5]] },
  maximum: { run: maximum, f: Math.max, kinked: true },
  minimum: { run: minimum, f: Math.min, kinked: true },
};

const sizeOf = (shape: readonly number[]) => shape.reduce((p, n) => p * n, 1);

/** Values on a grid of 101 steps; with `phase`, between those steps. */
const grid = (shape: readonly number[], [low, high]: readonly [number, number], seed: number, phase: number) =>
  Array.from({ length: sizeOf(shape) }, (_, i) => low + ((high - low) * (((i * 37 + seed * 13) % 101) + phase)) / 101);

/** f of two operands, walked by NumPy's rule with plain index arithmetic. */
function broadcast(f: (a: number, b: number) => number, a: Host64, b: Host64): Host64 {
  const shape = broadcastShape(a.shape, b.shape) ?? [];
  const y = host64(shape);
  const [sa, sb] = [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)];
  for (let i = 0; i < y.data.length; i++) {
    let [rest, ia, ib] = [i, 0, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const at = rest % (shape[axis] ?? 1);
      rest = Math.floor(rest / (shape[axis] ?? 1));
      ia += at * (sa[axis] ?? 0);
      ib += at * (sb[axis] ?? 0);
    }
    y.data[i] = f(a.data[ia] ?? NaN, b.data[ib] ?? NaN);
  }
  return y;
}

export function binaryCase(name: string, a: readonly number[], b: readonly number[], seed = 0): OpCase {
  const { run, f, ranges: [ra, rb] = [[-1, 1], [-1, 1]], kinked } = functions[name] as Row;
  return {
    name: `${name} [${a}] [${b}]`,
    inputs: [{ shape: a, values: grid(a, ra, seed, 0) }, { shape: b, values: grid(b, rb, seed + 5, kinked ? 0.5 : 0) }],
    run,
    reference: (x, y) => broadcast(f, x, y),
    tolerance: tolerances.transcendental,
    // The gradient of an addend that does not repeat is dy itself: it is free already.
    sharedGradients: name === "add" || name === "sub",
  };
}

export function numberCase(name: string, shape: readonly number[], b: number): OpCase {
  const { run, f, ranges: [ra] = [[-1, 1]] } = functions[name] as Row;
  return {
    name: `${name} [${shape}] ${b}`,
    inputs: [{ shape, values: grid(shape, ra, 3, 0) }],
    run: (x) => run(x, b),
    reference: (x) => broadcast(f, x, host64([], Float64Array.of(Math.fround(b)))),
    tolerance: tolerances.transcendental,
  };
}

const names = Object.keys(functions);

export const cases: readonly OpCase[] = [
  ...names.flatMap((name) => [
    binaryCase(name, [2, 3, 4], [2, 3, 4]),
    binaryCase(name, [3, 5, 7], [3, 5, 7]),
    binaryCase(name, [2, 5, 5, 8], [8]),
    binaryCase(name, [1, 1, 3], [2, 5, 3]),
    binaryCase(name, [2, 1, 3, 1, 2, 1], [1, 4, 1, 3, 1, 4]),
    binaryCase(name, [], [2, 3]),
    numberCase(name, [3, 5], 0.37),
    halved(binaryCase(name, [2, 3, 4], [2, 3, 4])),
  ]),
  { ...binaryCase("pow", [2, 4], []), name: "pow of negative numbers to a whole power", inputs: [{ shape: [2, 4], range: [-2, -0.5] }, { shape: [], values: [3], fixed: true }] },
  { ...binaryCase("pow", [3], [3]), name: "pow at 2, 1 and 0", inputs: [{ shape: [3], range: [-2, -0.5] }, { shape: [3], values: [2, 1, 0], fixed: true }] },
  binaryCase("add", [64, 70], [70]),
  binaryCase("mul", [300, 6], [1, 6]),
];
