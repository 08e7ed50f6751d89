import { fromHalf, toHalf } from "@roentgen/core";
import { firstNonFinite, nullDevice } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { record, spec } from "../record.ts";
import { empty, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { messageOf } from "../testing/message-of.ts";
import { withoutHalf } from "../testing/op-case.ts";
import { cast } from "./cast.ts";
import { cases } from "./cast.cases.ts";

checkOp("cast", cases);

withDevice("cast", (device) => {
  it.each(["natively", "packed"])("rounds to the nearest, ties to even, and overflows to infinity, %s", async (how) => {
    const on = how === "packed" ? withoutHalf(device()) : device();
    const values = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20, -1.001, 65_519, 65_520, -1e9, 2 ** -25, 2 ** -25 * 1.01, 2 ** -15, Infinity, NaN];
    const y = cast(tensor(on, values), "f16");
    expect(await y.floats()).toEqual(fromHalf(toHalf(values)));
  });

  it.each([["natively", "cast cast.half.to_half"], ["packed", "cast cast.packed.to_half"]])("is what the debug replay names where it overflows, %s", async (how, label) => {
    const on = how === "packed" ? withoutHalf(device()) : device();
    const { plan } = record(on, "overflow", (x) => cast(cast(x, "f16"), "f32"), [spec("f32", [8])]);
    expect(await firstNonFinite(on, plan, [new Float32Array(8).fill(65_504)])).toBeNull();
    expect(await firstNonFinite(on, plan, [Float32Array.of(0, 0, 0, 0, 0, 70_000, 0, 0)])).toBe(label);
    plan.dispose();
  });
});

it("refuses what f16 cannot hold", () => {
  const device = nullDevice();
  expect(messageOf(() => cast(empty(device, [2, 3]), "f16"))).toMatchInlineSnapshot(`"ShapeError cast: f16 is stored in fours, x has 6 elements. x is f32[2,3]. Keep it f32."`);
  expect(messageOf(() => cast(empty(device, [4], { dtype: "u32" }), "f16"))).toMatchInlineSnapshot(`"ShapeError cast: x expects f32 or f16, got u32[4]."`);
});
