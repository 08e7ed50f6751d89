import { hostTensor, type StateDict } from "@roentgen/core";
import { nullDevice } from "@roentgen/gpu";
import { withDevice } from "@roentgen/tensor/testing/node";
import { describe, expect, it } from "vitest";
import { BatchNorm2d, Conv2d, Linear } from "./layers.ts";
import { arenas, dispose, materialize, memoryOf } from "./materialize.ts";
import { Module, nameModules } from "./module.ts";
import { fileShape, loadStateDict, stateDict } from "./state-dict.ts";

class Tiny extends Module {
  readonly conv1 = new Conv2d(3, 5, 3);
  readonly bn1 = new BatchNorm2d(5);
  readonly fc = new Linear(5, 2);

  constructor() {
    super();
    nameModules(this);
  }
}

const names = ["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked", "fc.weight", "fc.bias"];

describe("a module", () => {
  it("names its parameters by field path, in field order, as a checkpoint does", () => {
    expect([...new Tiny().parameters()].map((p) => p.path)).toEqual(names);
  });

  it("has KRSC filters on the device and OIHW ones in a file", () => {
    const { weight } = new Tiny().conv1;
    expect(weight.shape).toEqual([5, 3, 3, 3]);
    expect(fileShape(weight)).toEqual([5, 3, 3, 3]);
    expect(fileShape(new Conv2d(2, 7, 3).weight)).toEqual([7, 2, 3, 3]);
  });

  it("has no value before it is materialised, and says what to call", () => {
    expect(() => new Tiny().conv1.weight.tensor).toThrowErrorMatchingInlineSnapshot(`[PlanError: conv1.weight: the model has no memory yet. Call materialize(model, device, { seed }) first.]`);
  });

  it("freezes its parameters and the statistics of its batch norms", () => {
    const model = new Tiny();
    model.bn1.freeze();
    expect([...model.parameters()].filter((p) => p.trainable).map((p) => p.path)).toEqual(["conv1.weight", "fc.weight", "fc.bias"]);
    expect(model.bn1.frozen).toBe(true);
    expect(model.fc.frozen).toBe(false);
  });
});

describe("arenas", () => {
  it("begins each member at a multiple of 256 bytes and a new arena where one is full", () => {
    expect(arenas([100, 300, 4], 1024)).toEqual([{ bytes: 1024, members: [{ index: 0, offset: 0 }, { index: 1, offset: 256 }, { index: 2, offset: 768 }] }]);
    expect(arenas([100, 300, 4], 512)).toEqual([
      { bytes: 256, members: [{ index: 0, offset: 0 }] },
      { bytes: 512, members: [{ index: 1, offset: 0 }] },
      { bytes: 256, members: [{ index: 2, offset: 0 }] },
    ]);
  });

  it("needs no GPU: a model can live on the null device", () => {
    expect(memoryOf(materialize(new Tiny(), nullDevice(), { seed: 0 }))).toHaveLength(2);
  });
});

withDevice("a materialised model", (device) => {
  it("draws its values from the seed and its parameters' names", async () => {
    const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => stateDict(materialize(new Tiny(), device(), { seed }))));
    expect(a?.get("conv1.weight")).toEqual(b?.get("conv1.weight"));
    expect(a?.get("conv1.weight")).not.toEqual(c?.get("conv1.weight"));
    expect([...(a?.keys() ?? [])]).toEqual(names);
    expect(a?.get("bn1.num_batches_tracked")).toEqual(hostTensor("i64", [], BigInt64Array.of(0n)));
    expect(a?.get("bn1.running_var")?.data).toEqual(new Float32Array(5).fill(1));
  });

  it("gives back what was loaded into it, bit for bit", async () => {
    const model = materialize(new Tiny(), device(), { seed: 1 });
    const filled: StateDict = new Map([...(await stateDict(model))].map(([name, t]) => [name, name.endsWith("tracked") ? hostTensor("i64", [], BigInt64Array.of(7n)) : hostTensor("f32", t.shape, Float32Array.from(t.data as Float32Array, (_, i) => i + 0.5))]));
    loadStateDict(model, filled);
    expect(await stateDict(model)).toEqual(filled);
    dispose(model);
  });

  it("refuses a checkpoint that lacks a tensor, has another one, or one of another shape", async () => {
    const model = materialize(new Tiny(), device(), { seed: 1 });
    const dict = await stateDict(model);
    const without = new Map([...dict].filter(([name]) => name !== "fc.bias"));
    expect(() => loadStateDict(model, without, { source: "a.safetensors" })).toThrowErrorMatchingInlineSnapshot(`[CheckpointError: a.safetensors: 1 tensors of the model are not in the file: "fc.bias". Is it a checkpoint of this architecture?]`);
    expect(() => loadStateDict(model, new Map([...dict, ["extra", hostTensor("f32", [1])]]))).toThrow('1 tensors of the file are not in the model: "extra"');
    expect(() => loadStateDict(model, new Map([...dict, ["fc.weight", hostTensor("f32", [3, 5])]]))).toThrow('"fc.weight" is f32[3,5] in the file, f32[2,5] in the model');
    loadStateDict(model, without, { mayMiss: (path) => path === "fc.bias" });
  });
});
