import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { empty, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { cases, diceCase } from "./dice.cases.ts";
import { dice } from "./dice.ts";

const shape = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 });

checkOp("dice", cases, { arbitrary: fc.tuple(shape, fc.constantFrom(1, 0.1, 5), fc.nat(1000)).map((args) => diceCase(...args)) });

withDevice("dice by hand", (device) => {
  it.each([
    ["a perfect mask", [1, 1, 0, 0], [1, 1, 0, 0], 0],
    ["an empty prediction of an empty mask", [0, 0, 0, 0], [0, 0, 0, 0], 0],
    ["half of the mask", [1, 0, 0, 0], [1, 1, 0, 0], 1 - 3 / 4],
    ["a miss", [0, 0, 1, 1], [1, 1, 0, 0], 1 - 1 / 5],
  ])("scores %s", async (_, p, t, loss) => {
    expect(await dice(tensor(device(), p), tensor(device(), t)).item()).toBeCloseTo(loss, 6);
  });
});

it("names the shapes it refuses", () => {
  const device = nullDevice();
  expect(() => dice(empty(device, [2, 3, 3, 1]), empty(device, [2, 3, 3]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: dice: target must have the shape of p. p is f32[2,3,3,1], target is f32[2,3,3].]`);
});
