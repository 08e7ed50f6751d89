import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { relu } from "./relu.ts";

const reference = (x: Host64): Host64 => host64(x.shape, x.data.map((v) => Math.max(v, 0)));

/** Values at least 0.05 from the kink, where differences mean nothing. */
export const reluCase = (shape: readonly number[], seed = 0): OpCase => {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: n }, (_, i) => (((i * 7 + seed) % 11) - 5 || 3) / 4);
  return { name: `relu [${shape}]`, inputs: [{ shape, values }], run: (x) => relu(x), reference };
};

export const cases: readonly OpCase[] = [
  reluCase([]),
  reluCase([7]),
  reluCase([2, 3, 5, 7]),
  reluCase([65, 65]),
  halved(reluCase([5, 7, 12])),
];
