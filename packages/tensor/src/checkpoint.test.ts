import { Rng } from "@roentgen/core";
import { nullDevice } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { checkpoint } from "./checkpoint.ts";
import { add, batchNormRelu, conv2d, dropout, mse, randomState, relu, type RunningStatistics } from "./ops/index.ts";
import { record, spec } from "./record.ts";
import { backward } from "./tape.ts";
import { persistent, type Tensor, tensor } from "./tensor.ts";
import { withDevice } from "./testing/check-op.ts";

const shape = [2, 6, 6, 4] as const;

function floats(seed: number, n: number): Float32Array {
  const rng = Rng.for(seed, "checkpoint");
  return Float32Array.from({ length: n }, () => rng.normal());
}

type Wrap = (fn: (x: Tensor, skip: Tensor) => Tensor, x: Tensor, skip: Tensor) => Tensor;
const plainly: Wrap = (fn, x, skip) => fn(x, skip);
const checkpointed: Wrap = (fn, x, skip) => checkpoint(fn, x, skip);
/** A checkpoint inside a checkpoint. */
const nested: Wrap = (fn, x, skip) => checkpoint((a, b) => checkpoint(fn, relu(a), b), x, skip);
const nestedPlainly: Wrap = (fn, x, skip) => fn(relu(x), skip);

withDevice("checkpoint", (device) => {
  /** Two steps of a block with everything in it that must happen once: values, gradients and state after each. */
  const run = async (wrap: Wrap, recorded: boolean) => {
    const kept = (data: Float32Array, as: readonly number[], trainable = false) => {
      const made = persistent(device(), as, "kept");
      made.write(data);
      made.trainable = trainable;
      return made;
    };
    const [filter, scale, shift, first] = [kept(floats(1, 144), [4, 3, 3, 4], true), kept(floats(2, 4), [4], true), kept(floats(3, 4), [4], true), kept(floats(4, 4), [4], true)];
    const running: RunningStatistics = { mean: kept(new Float32Array(4), [4]), variance: kept(new Float32Array(4).fill(1), [4]), count: kept(new Float32Array(1), [1]) };
    const random = randomState(device(), 7);
    const block = (x: Tensor, skip: Tensor) => dropout(batchNormRelu(conv2d(x, filter, null, { padding: 1 }), scale, shift, add(skip, x), { running, train: true }), random);
    const step = (x: Tensor, y: Tensor) => {
      const input = add(x, first);
      const loss = mse(wrap(block, wrap(block, input, x), input), y);
      const gradients = backward(loss);
      return [loss, ...[filter, scale, shift, first].map((parameter) => gradients.get(parameter) as Tensor)];
    };
    const data = [floats(5, 288), floats(6, 288)] as const;
    const plan = recorded ? record(device(), "step", step, [spec("f32", shape), spec("f32", shape)]) : null;
    const seen: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const results = plan ? plan.run(...data) : device().scope(() => step(tensor(device(), data[0], shape), tensor(device(), data[1], shape)));
      for (const x of [...results, running.mean, running.variance, running.count, random]) seen.push((await x.read()).data);
    }
    return seen;
  };

  it.each([["one", plainly, checkpointed], ["one inside another", nestedPlainly, nested]])("changes no bit of values, gradients, running statistics and masks: %s", async (_, without, within) => {
    const expected = await run(without, true);
    expect(await run(within, true)).toEqual(expected);
    expect(await run(within, false)).toEqual(expected);
  });
});

describe("checkpoint", () => {
  const planOf = (wrap: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor, trainable = true) => {
    const device = nullDevice();
    const weight = persistent(device, [1, 64], "weight");
    weight.trainable = trainable;
    return record(device, "deep", (x) => {
      const deep = (y: Tensor) => Array.from({ length: 8 }).reduce<Tensor>((z) => relu(relu(z)), y);
      let y = add(x, weight);
      for (let i = 0; i < 8; i++) y = wrap(deep, y);
      return trainable ? [...backward(y, y).values()] : y;
    }, [spec("f32", [1, 64])]).plan;
  };

  it("holds the inputs of the parts and what one part needs, instead of everything", () => {
    const [all, parts] = [planOf((fn, x) => fn(x)), planOf((fn, x) => checkpoint(fn, x))];
    expect(all.peakLiveBytes / 256).toBeGreaterThan(128);
    expect(parts.peakLiveBytes / 256).toBeLessThan(32);
    expect(parts.dispatches.length - all.dispatches.length).toBe(8 * 16);
  });

  it("computes nothing twice where nothing is trained", () => {
    expect(planOf((fn, x) => checkpoint(fn, x), false).dispatches).toHaveLength(planOf((fn, x) => fn(x), false).dispatches.length);
  });

  it("refuses a function that reaches around its inputs", () => {
    expect(() => planOf((fn, x) => checkpoint((_: Tensor) => fn(x), tensor(x.device, [1])))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: checkpoint: add made a tensor outside of the checkpointed function, and gradients flow through it. Pass it as an input.]`);
  });
});
