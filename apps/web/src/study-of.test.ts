import { describe, expect, it } from "vitest";
import { type Choices, type DataFacts, summaryOf } from "./choices.ts";
import { studyOf } from "./study-of.ts";

const choices: Choices = { data: { kind: "demo", set: "plane" }, weights: null, depth: 18, size: 64, batch: 8, epochs: 5, learningRate: null, seed: 3, precision: "f32", tune: false };
const facts = (kind: DataFacts["kind"]): DataFacts => ({ name: "set", kind, classes: ["a"], images: { train: 8, val: 4, test: 4 } });
const folder = { kind: "folder", files: new Map() } as const;

describe("the study that choices mean", () => {
  it.each([
    ["multiclass", "classes", "resnet", "cross-entropy", 2e-4],
    ["binary", "classes", "resnet", "bce", 2e-4],
    ["multilabel", "classes", "resnet", "bce", 2e-4],
    ["mask", "masks", "unet", "bce+dice", 1e-3],
  ] as const)("gives a %s set its network, loss and rate", (kind, task, model, loss, lr) => {
    expect(studyOf(choices, facts(kind), null)).toMatchObject({ inits: ["random"], trials: 1, seed: 3, tasks: { [task]: { loss, size: 64, batch: 8, epochs: 5, model: { kind: model, depth: 18 }, optimizer: { lr } } } });
  });

  it("takes depth and numerics from the weight file, which all else must fit", () => {
    const numerics = { strideOn: "1x1", padding: "same", bnEps: 1e-3, input: { mean: [0, 0, 0], std: [1, 1, 1], range: [0, 1] } } as const;
    const { inits, tasks } = studyOf({ ...choices, weights: new File([], "w.safetensors") }, facts("multiclass"), { depth: 50, numerics });
    expect(inits).toEqual(["file"]);
    expect(tasks.classes?.model).toMatchObject({ depth: 50, strideOn: "1x1", padding: "same", eps: 1e-3 });
  });

  it("stores in f16 where that is asked for", () => {
    expect(studyOf(choices, facts("multiclass"), null).tasks.classes?.precision).toBe("f32");
    expect(studyOf({ ...choices, precision: "mixed" }, facts("mask"), null).tasks.masks?.precision).toBe("mixed");
  });

  it("neither mirrors nor turns a stranger's images, whose labels may depend on it", () => {
    expect(studyOf({ ...choices, data: folder }, facts("multiclass"), null).tasks.classes?.augment).toMatchObject({ flip: false, rotateDegrees: false });
    expect(studyOf(choices, facts("multiclass"), null).tasks.classes?.augment).toMatchObject({ flip: 0.5 });
  });

  it("refuses sizes that no network takes", () => {
    expect(() => studyOf({ ...choices, size: 50 }, facts("mask"), null)).toThrow(/multiple of 32, not 50/);
    expect(() => studyOf({ ...choices, batch: 0 }, facts("multiclass"), null)).toThrow(/tasks.classes.batch/);
  });

  it("is told in a line", () => {
    expect(summaryOf(choices, "plane")).toBe("plane, ResNet-18 from random weights, 64 px, batch 8, 5 epochs");
    expect(summaryOf({ ...choices, epochs: 1, weights: new File([], "w.pth") }, "own")).toBe("own, ResNet-18 from w.pth, 64 px, batch 8, 1 epoch");
    expect(summaryOf({ ...choices, precision: "mixed" }, "own")).toMatch(/5 epochs, mixed precision$/);
  });
});
