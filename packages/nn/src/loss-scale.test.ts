import { nullDevice } from "@roentgen/gpu";
import { backward, mul, record, spec, sum, tensor, type Tensor } from "@roentgen/tensor";
import { withDevice } from "@roentgen/tensor/testing/node";
import { describe, expect, it } from "vitest";
import { LossScale, type LossScaleOptions } from "./loss-scale.ts";
import { materialize } from "./materialize.ts";
import { Module, nameModules } from "./module.ts";
import { Adam, type OptimizerOptions, Sgd } from "./optimizer.ts";
import { Parameter } from "./parameter.ts";

/** sum(w x): the gradient of w is x itself, times the loss scale. */
class Weights extends Module {
  readonly w = new Parameter([5], () => Float32Array.of(1, 2, 3, 4, 5));

  constructor() {
    super();
    nameModules(this);
  }
}

const fine = Float32Array.of(1, 0, -2, 0.5, 0.25);
const withInfinity = Float32Array.of(1, 0, Infinity, 0, 0);
const withNaN = Float32Array.of(1, 0, 0, 0, NaN);
/** Finite, but no more once it is multiplied by the factor. */
const large = Float32Array.of(1e38, 0, 0, 0, 0);

withDevice("a loss scale", (device) => {
  const train = async (inputs: readonly Float32Array[], options: LossScaleOptions, { recorded = true, adam = false, ...rest }: Partial<OptimizerOptions> & { recorded?: boolean; adam?: boolean } = {}) => {
    const model = materialize(new Weights(), device(), { seed: 1 });
    const lossScale = new LossScale(device(), options);
    const optimizer = new (adam ? Adam : Sgd)(model.parameters(), { lr: 0.5, lossScale, ...rest });
    const once = (x: Tensor) => {
      const loss = sum(mul(model.w.tensor, x));
      return { loss, norm: optimizer.step(backward(loss, lossScale.factor)) };
    };
    const step = record(device(), "train", once, [spec("f32", [5])]);
    const trace: { factor: number; sinceChange: number; skipped: number; weights: number[]; norm: number | undefined }[] = [];
    for (const x of inputs) {
      const { norm } = recorded ? step.run(x) : device().scope(() => once(tensor(device(), x)));
      trace.push({ ...(await lossScale.read()), weights: [...(await model.w.tensor.floats())], norm: await norm?.item() });
    }
    return { trace, optimizer, state: await optimizer.state() };
  };

  // By hand: torch.amp.GradScaler(init_scale=1024, growth_factor=2, backoff_factor=0.5, growth_interval=2), SGD with lr 0.5.
  it("grows after so many good steps in a row, backs off and skips where a gradient is not finite", async () => {
    const { trace } = await train([fine, fine, fine, withInfinity, withNaN, fine, fine, large], { initial: 1024, growthInterval: 2 });
    const after = (steps: number) => [1, 2, 3, 4, 5].map((w, i) => w - 0.5 * steps * (fine[i] ?? 0));
    expect(trace.map(({ factor, sinceChange, skipped, weights }) => ({ factor, sinceChange, skipped, weights }))).toEqual([
      { factor: 1024, sinceChange: 1, skipped: 0, weights: after(1) },
      { factor: 2048, sinceChange: 0, skipped: 0, weights: after(2) },
      { factor: 2048, sinceChange: 1, skipped: 0, weights: after(3) },
      { factor: 1024, sinceChange: 0, skipped: 1, weights: after(3) },
      { factor: 512, sinceChange: 0, skipped: 2, weights: after(3) },
      { factor: 512, sinceChange: 1, skipped: 2, weights: after(4) },
      { factor: 1024, sinceChange: 0, skipped: 2, weights: after(5) },
      { factor: 512, sinceChange: 0, skipped: 3, weights: after(5) },
    ]);
  });

  it("does not grow past what is finite", async () => {
    const { trace } = await train([new Float32Array(5), new Float32Array(5)], { initial: 2 ** 127, growthInterval: 1 });
    expect(trace.map(({ factor }) => factor)).toEqual([2 ** 127, 2 ** 127]);
  });

  it("clips the unscaled gradient, and tells its norm", async () => {
    const { trace } = await train([fine, withNaN], { initial: 256 }, { maxGradNorm: 1 });
    const norm = Math.hypot(...fine);
    expect(trace[0]?.norm).toBeCloseTo(norm, 6);
    for (const [i, w] of (trace[0]?.weights ?? []).entries()) expect(w).toBeCloseTo(i + 1 - (0.5 * (fine[i] ?? 0)) / (norm + 1e-6), 6);
    expect(trace[1]).toMatchObject({ norm: -1, weights: trace[0]?.weights });
  });

  it.each([false, true])("leaves Adam as if the skipped step had not been (recorded: %s)", async (recorded) => {
    const skipping = await train([fine, withNaN, fine], { initial: 512 }, { adam: true, recorded });
    const without = await train([fine, fine], { initial: 512 }, { adam: true, recorded: !recorded });
    expect(skipping.trace[2]?.weights).toEqual(without.trace[1]?.weights);
    expect(skipping.state.get("optimizer counter")?.slice(0, 3)).toEqual(without.state.get("optimizer counter")?.slice(0, 3));
  });

  it("is saved and put back with the optimiser", async () => {
    const { optimizer, state } = await train([fine, withNaN], { initial: 64 });
    expect([...(state.get("loss scale") ?? [])].slice(0, 3)).toEqual([32, 0, 1]);
    optimizer.restore(new Map([...state, ["loss scale", Float32Array.of(8, 3, 2, 0)]]));
    expect([...((await optimizer.state()).get("loss scale") ?? [])]).toEqual([8, 3, 2, 0]);
  });
});

describe("a loss scale", () => {
  it("refuses factors that lead nowhere", () => {
    expect(() => new LossScale(nullDevice(), { backoff: 1 })).toThrowErrorMatchingInlineSnapshot(`[ConfigError: loss scale: expected initial > 0, growth > 1, backoff between 0 and 1 and a whole growthInterval > 0, got 65536, 2, 1 and 2000.]`);
  });
});
