import { formatSafetensors } from "@roentgen/checkpoints";
import { CheckpointError, hostTensor } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { parseStudy } from "./config.ts";
import { keptModelKey, keptModelText, keptModelTitle, parseKeptModel } from "./kept-model.ts";
import { syntheticDataset } from "./synthetic.fixture.ts";
import type { TrialSpec } from "./trial.ts";

const study = parseStudy("{ name: n, inits: [random], trials: 1, tasks: { square: { data: d, model: { kind: unet, depth: 18, padding: same }, size: 64, batch: 8, evaluationBatch: 3, precision: mixed, epochs: 1, patience: 1, loss: bce, optimizer: { lr: 0.1 } } } }");
const spec = { name: "square-random-0", taskName: "square", task: study.tasks.square, initName: "random", init: { kind: "random" }, seed: 1, dataset: syntheticDataset("mask") } as TrialSpec;
const text = keptModelText(spec, "1.2.3");

const fileWith = (description?: string): Uint8Array => formatSafetensors(new Map([["w", hostTensor("f32", [2])]]), new Map(description === undefined ? [["roentgen.task", "square"]] : [[keptModelKey, description]]));
const factsOf = (description: string) => parseKeptModel(fileWith(description), "m.safetensors").facts;
type Nested = Record<string, unknown>;
/** The description with one field, by its path, changed. */
const changed = (path: string, value: unknown): string => {
  const whole = JSON.parse(text) as Nested;
  const names = path.split(".");
  const last = names.pop() ?? "";
  (names.reduce((inner, key) => inner[key] as Nested, whole))[last] = value;
  return JSON.stringify(whole);
};

describe("what a kept model says of itself", () => {
  it("is all that is needed to apply it, and the same for the same trial", () => {
    expect(factsOf(text)).toEqual({
      format: 1, roentgen: "1.2.3", trial: "square-random-0", init: "random",
      task: { kind: "mask", classes: ["square"] },
      network: { kind: "unet", depth: 18, strideOn: "3x3", padding: "same", poolPadding: "same", eps: 1e-5 },
      size: 64, batch: 3, precision: "mixed", input: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    });
    expect(keptModelText({ ...spec }, "1.2.3")).toBe(text);
    expect(keptModelTitle(factsOf(text))).toBe("U-Net, ResNet-18, 64 px, mixed precision; masks of square");
  });

  it.each([
    ["a text that is no JSON", "{", "is not JSON"],
    ["another kind of JSON", "[]", "(top): Invalid input"],
    ["a later format", changed("format", 2), "has format 2, this version reads 1. Update roentgen."],
    ["a field that nobody knows", changed("colour", 1), 'Unrecognized key: "colour"'],
    ["a missing field", changed("batch", undefined), "batch: Invalid input"],
    ["no class", changed("task.classes", []), "task.classes: "],
    ["a class twice", changed("task.classes", ["a", "a"]), "task.classes: expected each class once"],
    ["two classes of a mask", changed("task.classes", ["a", "b"]), "task.classes: 2 do not make a mask task"],
    ["one class of several", changed("task.kind", "multiclass"), "task.classes: 1 do not make a multiclass task"],
    ["a classifier that draws masks", changed("network.kind", "resnet"), "network.kind: a resnet does not answer a mask task"],
    ["a depth that is none", changed("network.depth", 19), "network.depth: "],
    ["an epsilon of nothing", changed("network.eps", 0), "network.eps: "],
    ["a size that a U-Net cannot halve", changed("size", 48), "size: a U-Net's is a multiple of 32"],
    ["a size beyond any image", changed("size", 2 ** 20), "size: "],
    ["a batch that is no number", changed("batch", "8"), "batch: "],
    ["a spread of zero", changed("input.std", [0, 1, 1]), "input.std.0: "],
    ["two channels", changed("input.mean", [0, 1]), "input.mean: "],
    ["a text beyond all bounds", `"${"a".repeat(2 ** 20)}"`, "at most 1048576 are read"],
  ])("is refused as %s, by name", (_, description, message) => {
    expect(() => factsOf(description)).toThrow(CheckpointError);
    expect(() => factsOf(description)).toThrow(message);
    expect(() => factsOf(description)).toThrow(/^m\.safetensors: roentgen\.model of its metadata .*\.$/s);
  });

  it("is missing in other files, and the message says which to take", () => {
    expect(() => parseKeptModel(fileWith(), "m.safetensors")).toThrowErrorMatchingInlineSnapshot(`[CheckpointError: m.safetensors: not a model kept by a roentgen study: its metadata have no roentgen.model. Give a file of the folder models of a study's results, or one saved in the page. Of an earlier version's study, run it again into another folder (--out).]`);
    expect(() => parseKeptModel(new TextEncoder().encode("PK, some archive"), "m.pth")).toThrow(/^m\.pth: .*This is no safetensors file\. Give a file of the folder models/);
  });
});
