import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { backward } from "../tape.ts";
import { empty, type Tensor, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { cases, functions, unaryCase } from "./unary.cases.ts";
import { abs, clamp, exp, gelu, leakyRelu, sigmoid, silu, sqrt, tanh } from "./unary.ts";

const shape = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 });
const name = fc.constantFrom(...Object.keys(functions));

checkOp("unary", cases, { arbitrary: fc.tuple(name, shape, fc.nat(1000)).map((args) => unaryCase(...args)), runs: 250 });

withDevice("unary at the edges", (device) => {
  const far = [-1e30, -1000, -100, -50, 50, 100, 1000, 1e30];
  const limits: Record<string, { run: (x: Tensor) => Tensor; value: (x: number) => number; slope: (x: number) => number }> = {
    sigmoid: { run: sigmoid, value: (x) => (x > 0 ? 1 : 0), slope: () => 0 },
    tanh: { run: tanh, value: Math.sign, slope: () => 0 },
    silu: { run: silu, value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
    gelu: { run: gelu, value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
    "gelu tanh": { run: (x) => gelu(x, { approximate: "tanh" }), value: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
  };
  it.each(Object.keys(limits))("%s saturates for large arguments instead of giving NaN", async (which) => {
    const { run, value, slope } = limits[which] as (typeof limits)[string];
    const x = tensor(device(), far);
    x.trainable = true;
    const y = run(x);
    const [values, slopes] = await Promise.all([y.floats(), backward(y, tensor(device(), far.map(() => 1))).get(x)?.floats()]);
    for (const [i, at] of far.entries()) {
      expect(Math.abs((values[i] ?? NaN) - value(at)), `${which}(${at}) = ${values[i]}`).toBeLessThanOrEqual(1e-5 + 1e-6 * Math.abs(value(at)));
      expect(Math.abs((slopes?.[i] ?? NaN) - slope(at)), `slope of ${which} at ${at} = ${slopes?.[i]}`).toBeLessThanOrEqual(1e-5);
    }
  });

  it("exp goes to 0 below and to infinity above", async () => {
    expect([...(await exp(tensor(device(), [-1000, -200, 0, 88, 200, 1000])).floats())].map((v) => (v > 1e38 ? Infinity : v))).toEqual([0, 0, 1, Infinity, Infinity, Infinity]);
  });

  it.each([
    ["abs at 0", abs, 0, 0],
    ["leakyRelu at 0", leakyRelu, 0, 0.01],
    ["clamp at its bound", (x: Tensor) => clamp(x, { min: -1, max: 1 }), 1, 1],
    ["clamp outside", (x: Tensor) => clamp(x, { min: -1, max: 1 }), 1.5, 0],
    ["sqrt at 4", sqrt, 4, 0.25],
  ])("has PyTorch's gradient for %s", async (_, run, at, slope) => {
    const x = tensor(device(), [at]);
    x.trainable = true;
    expect(await backward(run(x)).get(x)?.item()).toBeCloseTo(slope, 6);
  });
});

it("refuses integers and impossible options by name", () => {
  const device = nullDevice();
  const x = empty(device, [2, 3]);
  expect(() => gelu(empty(device, [2, 3], { dtype: "u32" }))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: gelu: x must be f32, got u32[2,3].]`);
  expect(() => leakyRelu(x, { slope: -1 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: leakyRelu: slope must be at least 0, got -1.]`);
  expect(() => clamp(x, { min: 1, max: 0 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: clamp: min must not exceed max, got min 1 and max 0.]`);
});
