import { nullDevice } from "@roentgen/gpu";
import { add, backward, mse, record, spec, tensor, type Tensor } from "@roentgen/tensor";
import { withDevice } from "@roentgen/tensor/testing/node";
import { describe, expect, it, vi } from "vitest";
import { normal } from "./init.ts";
import { Linear } from "./layers.ts";
import { materialize } from "./materialize.ts";
import { Module, nameModules } from "./module.ts";
import { Adam, Sgd } from "./optimizer.ts";
import { Parameter } from "./parameter.ts";
import { stateDict } from "./state-dict.ts";

/** x + a + b + c, three parameters of the shape of x: their gradients are one and the same tensor. */
class Sum extends Module {
  readonly a = new Parameter([7, 9], normal(1));
  readonly b = new Parameter([7, 9], normal(1));
  readonly c = new Parameter([7, 9], normal(1));

  constructor() {
    super();
    nameModules(this);
  }

  forward(x: Tensor): Tensor {
    return add(add(add(x, this.a.tensor), this.b.tensor), this.c.tensor);
  }
}

class Layer extends Module {
  readonly layer = new Linear(5, 3);

  constructor() {
    super();
    nameModules(this);
  }
}

const input = Float32Array.from({ length: 63 }, (_, i) => Math.cos(i));
const target = new Float32Array(63).fill(2);

withDevice("an optimiser", (device) => {
  const train = async (make: (model: Sum) => Adam | Sgd, { recorded = true, largestBinding = 2 ** 27 } = {}) => {
    const limit = vi.spyOn(device(), "maxBindingBytes", "get").mockReturnValue(largestBinding);
    const model = materialize(new Sum(), device(), { seed: 4 });
    const optimizer = make(model);
    limit.mockRestore();
    const once = (x: Tensor, y: Tensor) => {
      const loss = mse(model.forward(x), y);
      return { loss, norm: optimizer.step(backward(loss)) };
    };
    const step = recorded ? record(device(), "train", once, [spec("f32", [7, 9]), spec("f32", [7, 9])]) : null;
    const norms: number[] = [];
    for (let i = 0; i < 4; i++) {
      const { norm } = step ? step.run(input, target) : device().scope(() => once(tensor(device(), input, [7, 9]), tensor(device(), target, [7, 9])));
      if (norm) norms.push(await norm.item());
    }
    return { weights: await stateDict(model), optimizer, norms, plan: step?.plan };
  };

  it("gives the same bits eagerly and replayed, also where parameters share a gradient", async () => {
    for (const make of [(m: Sum) => new Adam(m.parameters(), { lr: 0.1 }), (m: Sum) => new Sgd(m.parameters(), { lr: 0.1, momentum: 0.9, maxGradNorm: 0.5 })]) {
      expect((await train(make)).weights).toEqual((await train(make, { recorded: false })).weights);
    }
  });

  it("gives the same bits whether all parameters fit one binding or each needs its own", async () => {
    const make = (m: Sum) => new Adam(m.parameters(), { lr: 0.1, maxGradNorm: 1 });
    const [one, many] = [await train(make), await train(make, { largestBinding: 256 })];
    expect(many.weights).toEqual(one.weights);
    expect(many.norms).toEqual(one.norms);
    expect(one.plan?.dispatches.filter((d) => d.kernel.name === "optimizer.adam")).toHaveLength(1);
    expect(many.plan?.dispatches.filter((d) => d.kernel.name === "optimizer.adam")).toHaveLength(3);
  });

  it("gives each group its own rate and decay", async () => {
    const { weights } = await train((m) => new Sgd([{ parameters: [m.a], rateScale: 0 }, { parameters: [m.b] }, { parameters: [m.c], rateScale: 2 }], { lr: 0.1 }));
    const start = await stateDict(materialize(new Sum(), device(), { seed: 4 }));
    const moved = (name: string) => (weights.get(name)?.data as Float32Array).map((v, i) => v - ((start.get(name)?.data as Float32Array)[i] ?? 0));
    expect(moved("a").every((v) => v === 0)).toBe(true);
    expect(moved("c")[3]).toBeCloseTo(2 * (moved("b")[3] ?? 0), 5);
  });

  it.each([["Adam", 1, true], ["Adam", 4, true], ["Adam", 4, false], ["SGD with clipping", 4, true], ["SGD with clipping", 3, true]] as const)(
    "moves as by the whole batch when it comes in parts: %s, %d parts, recorded %s", async (kind, parts, recorded) => {
      const rows = 12;
      const [xs, ys] = [Float32Array.from({ length: rows * 5 }, (_, i) => Math.sin(i)), Float32Array.from({ length: rows * 3 }, (_, i) => Math.cos(3 * i))];
      const after = async (parts: number | null) => {
        const model = materialize(new Layer(), device(), { seed: 1 });
        const optimizer = kind === "Adam" ? new Adam(model.parameters(), { lr: 0.01 }) : new Sgd(model.parameters(), { lr: 0.1, momentum: 0.9, maxGradNorm: 0.1 });
        const size = rows / (parts ?? 1);
        const part = (x: Tensor, y: Tensor) => {
          const loss = mse(model.layer.forward(x), y);
          if (parts === null) optimizer.step(backward(loss));
          else optimizer.accumulate(backward(loss), parts);
          return loss;
        };
        const train = record(device(), "part", part, [spec("f32", [size, 5]), spec("f32", [size, 3])]);
        const update = parts === null ? null : record(device(), "update", () => optimizer.update(), []);
        for (let step = 0; step < 3; step++) {
          for (let i = 0; i < (parts ?? 1); i++) {
            const data = [xs.subarray(5 * size * i, 5 * size * (i + 1)), ys.subarray(3 * size * i, 3 * size * (i + 1))] as const;
            if (recorded) train.run(...data);
            else device().scope(() => part(tensor(device(), data[0], [size, 5]), tensor(device(), data[1], [size, 3])));
          }
          if (recorded) update?.run();
          else if (parts !== null) device().scope(() => optimizer.update());
        }
        return [...(await stateDict(model)).values()].flatMap(({ data }) => [...(data as Float32Array)]);
      };
      const [whole, inParts, again] = [await after(null), await after(parts), await after(parts)];
      expect(again).toEqual(inParts);
      // Two orders of adding 12 rows in f32; Adam's square root can make more of a difference where a gradient is near zero.
      for (const [i, value] of whole.entries()) expect(inParts[i]).toBeCloseTo(value, 5);
    });

  it("goes on from its saved state, and refuses another optimiser's", async () => {
    const { optimizer } = await train((m) => new Adam(m.parameters(), { lr: 0.1 }));
    const state = await optimizer.state();
    expect(state.get("optimizer counter")?.[0]).toBe(4);
    optimizer.restore(state);
    expect(await optimizer.state()).toEqual(state);
    expect(() => optimizer.restore(new Map())).toThrow("It belongs to another model or optimiser");
  });
});

describe("an optimiser", () => {
  it("says so when there is nothing to train, or a trainable parameter has no gradient", () => {
    const model = materialize(new Sum(), nullDevice(), { seed: 0 });
    expect(() => new Adam(model.freeze().parameters(), { lr: 1 })).toThrowErrorMatchingInlineSnapshot(`[ConfigError: optimizer: there is nothing to train. All parameters are frozen, or the list is empty.]`);
    const open = materialize(new Sum(), nullDevice(), { seed: 0 });
    expect(() => new Adam(open.parameters(), { lr: 1 }).step(new Map())).toThrowErrorMatchingInlineSnapshot(`[ConfigError: optimizer: a is trainable but got no gradient. Freeze it, or use it in the loss.]`);
  });
});
