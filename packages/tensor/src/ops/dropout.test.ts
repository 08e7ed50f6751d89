import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { expect, it } from "vitest";
import { record, spec } from "../record.ts";
import { backward } from "../tape.ts";
import { empty, tensor } from "../tensor.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { cases, dropoutCase } from "./dropout.cases.ts";
import { dropout, randomState } from "./dropout.ts";

const shape = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 });
const word = fc.nat(4294967295);

checkOp("dropout", cases, { arbitrary: fc.tuple(shape, fc.constantFrom(0.1, 0.5, 0.8), word, word).map((args) => dropoutCase(...args)) });

withDevice("the draws of dropout", (device) => {
  const n = 100_000;
  const ones = Float32Array.from({ length: n }, () => 1);

  it.each([0.1, 0.5, 0.75])("lose a share of %s, whatever the neighbours and the call before", async (p) => {
    const state = randomState(device(), 7);
    const [a, b] = [dropout(tensor(device(), ones), state, { p }), dropout(tensor(device(), ones), state, { p })];
    const [first, second] = (await Promise.all([a.floats(), b.floats()])).map((v) => v.map((y) => Number(y === 0)));
    const together = (f: (i: number) => number) => Array.from({ length: n }, (_, i) => f(i)).reduce((sum, v) => sum + v, 0) / n;
    // Four standard deviations of a share of 100,000 fair draws are at most 0.0064.
    expect(Math.abs(together((i) => first?.[i] ?? NaN) - p)).toBeLessThan(0.0065);
    expect(Math.abs(together((i) => (first?.[i] ?? NaN) * (first?.[(i + 1) % n] ?? NaN)) - p * p)).toBeLessThan(0.0065);
    expect(Math.abs(together((i) => (first?.[i] ?? NaN) * (first?.[(i + 4) % n] ?? NaN)) - p * p)).toBeLessThan(0.0065);
    expect(Math.abs(together((i) => (first?.[i] ?? NaN) * (second?.[i] ?? NaN)) - p * p)).toBeLessThan(0.0065);
  });

  it("keep the mean, and give the mask times the scale as gradient", async () => {
    const x = tensor(device(), ones);
    x.trainable = true;
    const y = dropout(x, randomState(device(), 3), { p: 0.2 });
    const dx = backward(y, tensor(device(), ones)).get(x);
    const [values, slopes] = await Promise.all([y.floats(), dx?.floats()]);
    expect(slopes).toEqual(values);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1.25)]));
    expect(Math.abs(values.reduce((sum, v) => sum + v, 0) / n - 1)).toBeLessThan(0.01);
  });

  it("are new on each replay, agree with eager ones, and go on from a state that was read back", async () => {
    const draw = async (state: ReturnType<typeof randomState>) => [...(await dropout(tensor(device(), ones.subarray(0, 64)), state).floats())];
    const eagerState = randomState(device(), 11);
    const eager = [await draw(eagerState), await draw(eagerState), await draw(eagerState)];
    expect(eager[0]).not.toEqual(eager[1]);

    const state = randomState(device(), 11);
    const step = record(device(), "dropout", (x) => dropout(x as NonNullable<typeof x>, state), [spec("f32", [64])]);
    const replayed = [];
    for (const _ of [1, 2]) replayed.push([...(await step.run(ones.subarray(0, 64)).floats())]);
    expect(replayed).toEqual(eager.slice(0, 2));

    const saved = await state.read();
    expect([...saved.data]).toEqual([11, 2]);
    const resumed = randomState(device(), 0);
    resumed.write(saved.data as Uint32Array<ArrayBuffer>);
    expect(await draw(resumed)).toEqual(eager[2]);
    step.dispose();
  });

  it("do not happen out of training or at p = 0", async () => {
    const [x, state] = [tensor(device(), [1, 2, 3]), randomState(device(), 5)];
    expect(dropout(x, state, { train: false })).toBe(x);
    expect(dropout(x, state, { p: 0 })).toBe(x);
    expect([...(await state.read()).data]).toEqual([5, 0]);
  });
});

it("refuses an impossible probability, state and seed", () => {
  const device = nullDevice();
  const x = empty(device, [4]);
  expect(() => dropout(x, empty(device, [2], { dtype: "u32" }), { p: 1 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: dropout: p must lie in [0, 1), got 1.]`);
  expect(() => dropout(x, empty(device, [3], { dtype: "u32" }))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: dropout: state must be u32[2], a seed and a counter, got u32[3]. Make it with randomState.]`);
  expect(() => dropout(x, x)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: dropout: state must be u32, got f32[4].]`);
  expect(() => randomState(device, -1)).toThrowErrorMatchingInlineSnapshot(`[ConfigError: randomState: seed must be a whole number from 0 to 4294967295, got -1.]`);
});
