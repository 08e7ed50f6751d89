import { type HostTensor } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { asTensor, Inert, Record, type Value } from "../pickle/values.ts";
import { memorySource } from "../random-access.ts";
import { type Container, dictAt, listContents } from "./container.ts";
import { openContainer, type OpenOptions } from "./open.ts";
import { bundleDataVector, bundleIndexVector, byolVector, legacyVector, tarVector, zipVector } from "./vectors.fixture.ts";

const open = (bytes: Uint8Array, options?: OpenOptions) => openContainer(memorySource(bytes, "file.pth"), options);

async function tensorAt(value: Value | undefined): Promise<[string, readonly number[], unknown[]]> {
  const { dtype, shape, data }: HostTensor = await asTensor(value)!.read();
  return [dtype, shape, [...(data as Iterable<number>)]];
}

async function tensorsOf(container: Container, path: string[] = []) {
  const dict = dictAt(container.root, path)!;
  return Object.fromEntries(await Promise.all([...dict].map(async ([key, value]) => [key, asTensor(value) ? await tensorAt(value) : value] as const)));
}

describe("files of the original writers", () => {
  it("a PyTorch legacy stream", async () => {
    const container = await open(legacyVector);
    expect(container.kind).toBe("torch-legacy");
    expect(await tensorsOf(container)).toEqual({ a: ["f32", [2], [1.5, -2]], n: ["i64", [], [7n]] });
  });

  it("a PyTorch zip with a Parameter, a transposed tensor and a shared storage", async () => {
    const container = await open(zipVector);
    expect(container.kind).toBe("torch-zip");
    expect([...(container.root as Map<Value, Value>)].filter(([, value]) => !(value instanceof Map))).toEqual([["epoch", 3], ["lr", 0.03]]);
    expect(await tensorsOf(container, ["state_dict"])).toEqual({
      "conv1.weight": ["f32", [1, 1, 2, 3], [0, 1, 2, 3, 4, 5]],
      "bn1.num_batches_tracked": ["i64", [], [7n]],
      t: ["f32", [4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]],
      base: ["f32", [4], [0, 1, 2, 3]],
      v: ["f32", [2], [1, 2]],
    });
  });

  it("a PyTorch tar of 2016", async () => {
    const container = await open(tarVector);
    expect(container.kind).toBe("torch-tar");
    expect(await tensorsOf(container)).toEqual({ "a.weight": ["f32", [2, 3], [0, 1, 2, 3, 4, 5]], "a.running_mean": ["f32", [3], [0, 1, 2]] });
  });

  it("a pickle by dill with Haiku's maps and NumPy's arrays in Latin-1", async () => {
    const container = await open(byolVector);
    expect(container.kind).toBe("pickle");
    expect(await tensorsOf(container, ["experiment_state", "online_params", "classifier"])).toEqual({ b: ["f32", [3], [0, 0, 0]], w: ["f32", [2, 3], [0, 1, 2, 3, 4, 5]] });
    expect(await tensorsOf(container, ["experiment_state", "online_params", "res_net50/~/initial_conv"])).toEqual({ w: ["f32", [1, 3, 1, 2], [1.5, -2, 3, 4, 0.5, 0.25]] });
    expect(await tensorsOf(container, ["experiment_state", "target_state", "res_net50/~/initial_batchnorm/~/mean_ema"])).toEqual({
      average: ["f32", [1, 1, 1, 2], [1, 2]], hidden: ["f32", [1, 1, 1, 2], [1, 2]], counter: ["i32", [], [7]],
    });
    const state = dictAt(container.root, [])!.get("experiment_state");
    expect(state).toBeInstanceOf(Record);
    expect([...(state as Record).fields.keys()]).toEqual(["online_params", "target_params", "online_state", "target_state", "opt_state"]);
    const left = listContents(container.root).filter(({ tensor }) => !tensor);
    expect(left.map(({ path, value }) => [path, value instanceof Inert ? value.path : value])).toMatchInlineSnapshot(`
      [
        [
          "experiment_state.opt_state[0]",
          Record {
            "fields": Map {},
            "name": "AddWeightDecayState",
          },
        ],
        [
          "step",
          3,
        ],
      ]
    `);
  });

  it("a TensorFlow bundle", async () => {
    const asked: string[] = [];
    const container = await openContainer(memorySource(bundleIndexVector, "model.ckpt-1.index"), {
      findBeside: async (name) => {
        asked.push(name);
        return memorySource(bundleDataVector, name);
      },
    });
    expect(container.kind).toBe("tf-bundle");
    expect(asked).toEqual(["model.ckpt-1.data-00000-of-00001"]);
    expect(await tensorsOf(container)).toEqual({
      "base_model/conv2d/kernel": ["f32", [1, 1, 2, 2], [1.5, -2, 3, 4]], "base_model/conv2d_1/kernel": ["f32", [1, 1, 1, 2], [0.5, 0.25]], global_step: ["i64", [], [225206n]],
    });
  });
});
