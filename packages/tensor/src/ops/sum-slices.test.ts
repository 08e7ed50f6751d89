import { expect, it } from "vitest";
import { record, spec } from "../record.ts";
import { withDevice } from "../testing/check-op.ts";
import { withoutHalf } from "../testing/op-case.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { stored } from "./cast.ts";
import { sumSlices } from "./sum-slices.ts";

withDevice("sums of slices", (device) => {
  it("are the same bits one by one, and joined in a plan where their results lie side by side", async () => {
    const shapes = [[2, 8], [3, 64], [7, 68], [2, 4], [24, 132], [5, 8], [2, 300], [4, 36], [3, 12]] as const;
    const data = shapes.map(([count, n], i) => Float32Array.from({ length: count * n }, (_, j) => Math.sin(7 * i + j)));
    const { whole } = device().scope(() => device().group(shapes.map((shape, i) => sumSlices(tensor(device(), data[i] as Float32Array, shape)).buffer), "eager"));
    const expected = new Float32Array(await device().read(whole));
    const sums = (...slices: Tensor[]) => device().group(slices.map((x) => sumSlices(x).buffer), "recorded").whole;
    const { plan } = record(device(), "sums", sums, shapes.map((shape) => spec("f32", shape)));
    expect(plan.dispatches.map((d) => d.kernel.name)).toEqual(["sum-slices.joined.forward", "sum-slices.joined.forward"]);
    const together = new Float32Array(await device().read(plan.run(data)));
    let at = 0;
    for (const [, n] of shapes) {
      expect(together.subarray(at, at + n)).toEqual(expected.subarray(at, at + n));
      at += Math.ceil(n / 64) * 64;
    }
  });

  it.each([[7, 65], [3, 1], [24, 132]] as const)("add up in order: %d of %d", async (count, n) => {
    const data = Float32Array.from({ length: count * n }, (_, i) => Math.sin(7 * i));
    const expected = Float32Array.from({ length: n }, (_, i) => Array.from({ length: count }, (_, slice) => data[slice * n + i] ?? NaN).reduce((sum, v) => Math.fround(sum + v), 0));
    expect(await sumSlices(tensor(device(), data, [count, n])).floats()).toEqual(expected);
  });

  it.each([["natively", device], ["packed", () => withoutHalf(device())]] as const)("are rounded to f16 as a cast of the f32 sum is, %s", async (_, choose) => {
    const on = choose();
    const [count, n] = [5, 260];
    const slices = tensor(on, Float32Array.from({ length: count * n }, (_, i) => Math.sin(3 * i) * 10 ** ((i % n) / 40 - 2)), [count, n]);
    const [half, cast] = [sumSlices(slices, "f16"), stored(sumSlices(slices), "f16")];
    expect(half.dtype).toBe("f16");
    expect(await half.floats()).toEqual(await cast.floats());
  });
});
