import { parseSafetensors } from "@roentgen/checkpoints";
import { CheckpointError, hostTensor, NonFiniteError, OutOfMemoryError } from "@roentgen/core";
import type { Dataset, TaskKind } from "@roentgen/data";
import { withDevice } from "@roentgen/tensor/testing/node";
import { describe, expect, it } from "vitest";
import { parseStudy } from "./config.ts";
import { randomInit } from "./inits.ts";
import { type KeptModel, parseKeptModel } from "./kept-model.ts";
import { maskOf, type NamedImage, predictedClasses, type Prediction, Predictor, shareOf } from "./predict.ts";
import type { PredictedImage } from "./predictions.ts";
import type { Environment, TrialResult } from "./results.ts";
import { memoryStore } from "./store.ts";
import { runStudy } from "./study.ts";
import { syntheticDataset } from "./synthetic.fixture.ts";

const environment: Environment = { roentgen: "test", commit: null, runtime: "test", system: "test", adapter: { vendor: "", architecture: "", device: "", description: "", software: true, toggles: [] } };

/** A task of the fixture at another size than its images', so that resizing counts, and with batches that do not come out even. */
const tasks = {
  multiclass: "model: { kind: resnet, depth: 18 }, size: 48, batch: 4, loss: cross-entropy, optimizer: { lr: 0.001 }",
  binary: "model: { kind: resnet, depth: 18, padding: same }, size: 40, batch: 4, evaluationBatch: 5, precision: mixed, loss: bce, optimizer: { lr: 0.001 }",
  mask: "model: { kind: unet, depth: 18 }, size: 64, batch: 4, evaluationBatch: 3, loss: bce+dice, optimizer: { lr: 0.001 }",
} satisfies Partial<Record<TaskKind, string>>;

function datasetOf(kind: keyof typeof tasks): Dataset {
  return kind === "binary" ? { ...syntheticDataset("multiclass"), task: { kind, classes: ["bottom"] } } : syntheticDataset(kind);
}

const testImages = (kind: keyof typeof tasks): NamedImage[] => datasetOf(kind).split("test").map(({ file, image }) => ({ file, image }));

withDevice("a kept model", (device) => {
  /** Trains for an epoch of three steps: what the study says of its test images, and the file that it keeps. */
  async function trained(kind: keyof typeof tasks) {
    const store = memoryStore();
    const tested: PredictedImage[] = [];
    const config = parseStudy(`{ name: n, inits: [random], trials: 1, tasks: { a: { data: d, epochs: 1, patience: 1, ${tasks[kind]} } } }`);
    const { trials } = await runStudy({ config, store, device: device(), environment, datasets: async () => datasetOf(kind), inits: new Map([["random", randomInit]]), predictions: (p) => p.split === "test" && tested.push(...p.images) });
    const bytes = store.files.get("models/a-random-0.safetensors") as Uint8Array;
    return { result: trials[0] as TrialResult, tested, bytes, kept: parseKeptModel(bytes, "a-random-0.safetensors") };
  }

  async function predicted(kept: KeptModel, images: Iterable<NamedImage> | AsyncIterable<NamedImage>, batch?: number): Promise<Prediction[]> {
    const predictor = new Predictor(device(), kept, batch);
    const all: Prediction[] = [];
    try {
      for await (const prediction of predictor.predict(images)) all.push(prediction);
    } finally {
      predictor.dispose();
    }
    return all;
  }

  it.each(["multiclass", "binary"] as const)("gives the report's own predictions of the test images, bit for bit: %s", async (kind) => {
    const { result, kept, tested } = await trained(kind);
    const all = await predicted(kept, testImages(kind));
    expect({ files: all.map((p) => p.file), probabilities: all.map((p) => [...p.probabilities]) }).toEqual({ files: result.predictions?.files, probabilities: result.predictions?.probabilities });
    expect(all.map((p) => [...p.image])).toEqual(tested.map((p) => [...p.image]));
    expect(all.map(({ width, height }) => [width, height])).toEqual(testImages(kind).map(({ image }) => [image.width, image.height]));
    // One at a time, and as they come, is the same but for rounding.
    const single = await predicted(kept, (async function* () { yield* testImages(kind).slice(2, 4); })(), 1);
    expect(single.map((p) => p.file)).toEqual(["test-2.png", "test-3.png"]);
    for (const [i, p] of single.entries()) for (const [c, value] of p.probabilities.entries()) expect(value).toBeCloseTo(all[i + 2]?.probabilities[c] ?? NaN, 2);
  });

  it("draws the study's own masks, bit for bit, and fits them to the image", async () => {
    const { tested, kept } = await trained("mask");
    const all = await predicted(kept, testImages("mask"));
    expect(all.map((p) => p.file)).toEqual(tested.map((p) => p.file));
    for (const [i, { probabilities }] of all.entries()) expect(Float32Array.from(probabilities)).toEqual(tested[i]?.probabilities);
    for (const p of all) expect(maskOf(p)).toMatchObject({ width: 32, height: 32 });
    expect(await predicted(kept, [])).toEqual([]);
  });

  it("refuses tensors of another network, weights that are no numbers, and batches beyond memory", async () => {
    const { bytes, kept } = await trained("multiclass");
    const { tensors } = parseSafetensors(bytes);
    const held = () => (device().trim(), device().memory.heldBytes);
    const deeper: KeptModel = { ...kept, facts: { ...kept.facts, network: { ...kept.facts.network, depth: 34 } } };
    const before = held();
    expect(() => new Predictor(device(), deeper)).toThrow(CheckpointError);
    expect(() => new Predictor(device(), deeper)).toThrow(/^a-random-0\.safetensors: \d+ tensors of the model are not in the file/);
    expect(() => new Predictor(device(), { ...kept, facts: { ...kept.facts, task: { kind: "multiclass", classes: ["a", "b", "c"] } } })).toThrow(/"fc\.weight" is f32\[2,512\] in the file, f32\[3,512\] in the model/);
    expect(() => new Predictor(device(), kept, 2 ** 20)).toThrow(OutOfMemoryError);
    expect(held()).toBe(before);
    const poisoned: KeptModel = { ...kept, name: "bad.safetensors", tensors: new Map([...tensors, ["fc.bias", hostTensor("f32", [2], Float32Array.of(NaN, 0))]]) };
    await expect(predicted(poisoned, testImages("multiclass"))).rejects.toThrow(NonFiniteError);
    await expect(predicted(poisoned, testImages("multiclass"))).rejects.toThrow("test-0.png: bad.safetensors answers with NaN");
    const damaged = bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
    expect(() => parseKeptModel(damaged, "m.safetensors")).toThrow(/^m\.safetensors: its checksum is .* it was damaged or changed since it was written\..* Give a file of the folder models/);
  });

  it("leaves out an image that it has no number for, where somebody wants to know", async () => {
    const { kept } = await trained("multiclass");
    // f32 in [0, 1]: no image of bytes can do this, a network in f16 can.
    const predictor = new Predictor(device(), { ...kept, facts: { ...kept.facts, batch: 2 }, tensors: new Map([...kept.tensors, ["fc.weight", hostTensor("f32", [2, 512], new Float32Array(1024).fill(3e38))]]) });
    const black = { width: 8, height: 8, data: new Uint8Array(8 * 8 * 3) };
    const told: string[] = [];
    const files: string[] = [];
    for await (const { file } of predictor.predict([...testImages("multiclass").slice(0, 3), { file: "last.png", image: black }], (file, reason) => told.push(`${file} ${reason}`))) files.push(file);
    predictor.dispose();
    expect([...files, ...told.map((text) => text.split(" ")[0])].sort()).toEqual(["last.png", "test-0.png", "test-1.png", "test-2.png"]);
    expect(told.length).toBeGreaterThan(0);
    expect(told[0]).toMatch(/^(test-\d\.png) \1: a-random-0\.safetensors answers with (NaN|-?Infinity): its weights are no result of training\.$/);
  });

  it("keeps the order of images while some are still being read, and passes on what reading throws", async () => {
    const { kept } = await trained("multiclass");
    const slowly = async function* () {
      for (const image of testImages("multiclass")) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (image.file === "test-5.png") throw new Error("the disk is gone");
        yield image;
      }
    };
    await expect(predicted(kept, slowly())).rejects.toThrow("the disk is gone");
  });
});

describe("what is predicted", () => {
  it("is the likeliest class of several, else every class above one half", () => {
    const said = (kind: TaskKind, ...p: number[]) => predictedClasses({ kind, classes: ["a", "b", "c"].slice(0, p.length) }, Float64Array.from(p));
    expect([said("multiclass", 0.2, 0.45, 0.35), said("multiclass", 0.4, 0.4, 0.2), said("multilabel", 0.6, 0.5, 0.7), said("binary", 0.51), said("binary", 0.5)]).toEqual([["b"], ["a"], ["a", "c"], ["a"], []]);
  });

  it("is a mask of the image's size, above one half between the model's pixels too", () => {
    const probabilities = Float64Array.of(0.9, 0.1, 0.9, 0.1);
    expect(maskOf({ width: 2, height: 2, probabilities })).toEqual({ width: 2, height: 2, data: Uint8Array.of(1, 0, 1, 0) });
    // Twice as wide: 0.9, 0.7, 0.3, 0.1.
    const wide = maskOf({ width: 4, height: 3, probabilities });
    expect(wide).toEqual({ width: 4, height: 3, data: Uint8Array.of(1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0) });
    expect(shareOf(wide)).toBe(0.5);
    expect(shareOf(maskOf({ width: 1, height: 1, probabilities: Float64Array.of(0.5000000001) }))).toBe(1);
  });
});
