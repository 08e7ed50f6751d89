import { type Shape, sizeOf } from "@roentgen/core";
import { host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { logSoftmax, softmax } from "./softmax.ts";

const run = { softmax, logSoftmax };

function reference(name: keyof typeof run, x: Host64, axis: number): Host64 {
  const length = x.shape.at(axis) ?? 1;
  const inner = sizeOf(x.shape.slice(axis < 0 ? axis + x.shape.length + 1 : axis + 1));
  const y = host64(x.shape);
  for (let row = 0; row < x.data.length / length; row++) {
    const at = Array.from({ length }, (_, k) => (Math.floor(row / inner) * length + k) * inner + (row % inner));
    const most = Math.max(...at.map((i) => x.data[i] ?? NaN));
    const total = at.reduce((sum, i) => sum + Math.exp((x.data[i] ?? NaN) - most), 0);
    for (const i of at) {
      const log = (x.data[i] ?? NaN) - most - Math.log(total);
      y.data[i] = name === "softmax" ? Math.exp(log) : log;
    }
  }
  return y;
}

export const softmaxCase = (name: keyof typeof run, shape: Shape, axis = -1, range: readonly [number, number] = [-3, 3]): OpCase => ({
  name: `${name} [${shape}] along ${axis}${range[1] > 3 ? `, values to ${range[1]}` : ""}`,
  inputs: [{ shape, range }],
  run: (x) => run[name](x, { axis }),
  reference: (x) => reference(name, x, axis),
  tolerance: tolerances.transcendental,
});

export const cases: readonly OpCase[] = (["softmax", "logSoftmax"] as const).flatMap((name) => [
  softmaxCase(name, [5]),
  softmaxCase(name, [3, 1]),
  softmaxCase(name, [17, 3]),
  softmaxCase(name, [2, 5, 7, 4]),
  softmaxCase(name, [2, 5, 7], 1),
  softmaxCase(name, [6, 35], 0),
  softmaxCase(name, [2, 1000]),
  softmaxCase(name, [9, 4], -1, [-200, 200]),
]);
