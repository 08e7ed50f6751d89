import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { backward } from "../tape.ts";
import { empty, type Tensor, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { binaryCase, cases, functions } from "./binary.cases.ts";
import { add, maximum, minimum, mul, pow } from "./binary.ts";

const name = fc.constantFrom(...Object.keys(functions));

/** Two shapes that broadcast: some axes of a common one shrink to 1, some leading ones go. */
const shapes = fc.array(fc.record({ n: fc.integer({ min: 1, max: 6 }), a: fc.boolean(), b: fc.boolean() }), { maxLength: 6 }).chain((axes) =>
  fc.tuple(fc.nat(axes.length), fc.nat(axes.length), fc.boolean()).map(([dropA, dropB, equal]) => {
    const one = (side: "a" | "b", drop: number) => axes.map(({ n, ...keep }) => (keep[side] || equal ? n : 1)).slice(equal ? 0 : drop);
    return [one("a", dropA), one("b", dropB)] as const;
  }),
);

checkOp("binary", cases, { arbitrary: fc.tuple(name, shapes, fc.nat(50)).map(([f, [a, b], seed]) => binaryCase(f, a, b, seed)), runs: 250 });

withDevice("binary at the edges", (device) => {
  const gradients = async (run: (a: Tensor, b: Tensor) => Tensor, a: number[], b: number[]) => {
    const [x, y] = [tensor(device(), a), tensor(device(), b)];
    x.trainable = y.trainable = true;
    const out = run(x, y);
    const all = backward(out, tensor(device(), a.map(() => 1)));
    return { out: [...(await out.floats())], da: [...((await all.get(x)?.floats()) ?? [])], db: [...((await all.get(y)?.floats()) ?? [])] };
  };

  it.each([
    ["maximum", maximum, [1, 0]],
    ["minimum", minimum, [0, 1]],
  ] as const)("%s shares the gradient of a tie", async (_, run, [more, less]) => {
    expect(await gradients(run, [2, 1, 3], [1, 2, 3])).toMatchObject({ da: [more, less, 0.5], db: [less, more, 0.5] });
  });

  it("pow has PyTorch's values and gradients where a is 0", async () => {
    expect(await gradients(pow, [0, 0, 0], [0, 1, 2])).toEqual({ out: [1, 0, 0], da: [0, 1, 0], db: [0, 0, 0] });
  });

  it("the same tensor on both sides gets both gradients", async () => {
    const x = tensor(device(), [3, -2]);
    x.trainable = true;
    expect([...((await backward(mul(x, x), tensor(device(), [1, 1])).get(x)?.floats()) ?? [])]).toEqual([6, -4]);
  });
});

it("refuses shapes that do not broadcast, and integers", () => {
  const device = nullDevice();
  expect(() => add(empty(device, [2, 3]), empty(device, [2]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: add: shapes do not broadcast: aligned at the last axis, sizes must be equal or 1. a is f32[2,3], b is f32[2].]`);
  expect(() => mul(empty(device, [2, 3]), empty(device, [2, 3], { dtype: "u32" }))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: mul: a and b must have one dtype. a is f32[2,3], b is u32[2,3].]`);
});
