import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { backward } from "../tape.ts";
import { empty, type Tensor, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { cases, lossCase, losses } from "./pointwise-loss.cases.ts";
import { bce, bceWithLogits, mse } from "./pointwise-loss.ts";

const lead = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 3 });

checkOp("pointwise losses", cases, { arbitrary: fc.tuple(fc.constantFrom(...Object.keys(losses)), lead, fc.nat(1000)).map(([name, shape, seed]) => lossCase(name, [...shape, 4], seed)) });

withDevice("pointwise losses at the edges", (device) => {
  const lossAndGradient = async (run: (x: Tensor, t: Tensor) => Tensor, x: number, t: number) => {
    const input = tensor(device(), [x]);
    input.trainable = true;
    const loss = run(input, tensor(device(), [t]));
    return [await loss.item(), await backward(loss).get(input)?.item()];
  };

  // PyTorch 2: binary_cross_entropy clamps its logarithms at -100 and divides its gradient by at least 1e-12.
  it.each([
    ["right and certain", 1, 1, 0, 0],
    ["wrong and certain of 0", 0, 1, 100, -1e12],
    ["wrong and certain of 1", 1, 0, 100, 1e12],
    ["a denormal probability", 1e-40, 1, 100, -1e12],
  ])("bce is finite when %s", async (_, p, t, loss, slope) => {
    const got = await lossAndGradient(bce, p, t);
    expect(got[0]).toBeCloseTo(loss, 4);
    expect((got[1] ?? NaN) / 1e12).toBeCloseTo(slope / 1e12, 5);
  });

  it.each([
    [-1000, 1, 1000, -1],
    [-1000, 0, 0, 0],
    [1000, 1, 0, 0],
    [1000, 0, 1000, 1],
  ])("bceWithLogits of %s against %s is stable", async (x, t, loss, slope) => {
    expect(await lossAndGradient(bceWithLogits, x, t)).toEqual([loss, slope]);
  });
});

it("name the shapes they refuse", () => {
  const device = nullDevice();
  const x = empty(device, [2, 3]);
  expect(() => bce(x, empty(device, [2]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: bce: target must have the shape of x. x is f32[2,3], target is f32[2].]`);
  expect(() => mse(x, empty(device, [2, 3], { dtype: "u32" }))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: mse: target must be f32, got u32[2,3].]`);
  expect(() => bceWithLogits(x, x, { posWeight: [1, 2] })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: bceWithLogits: posWeight expects 3 numbers, one per class, got 2. x is f32[2,3].]`);
});
