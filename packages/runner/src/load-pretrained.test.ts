import { type Numerics, torchvisionNumerics } from "@roentgen/checkpoints";
import { CheckpointError, hostTensor, Rng, type StateDict } from "@roentgen/core";
import { resnet } from "@roentgen/models";
import { dispose, loadStateDict, materialize, stateDict } from "@roentgen/nn";
import { noGrad, tensor } from "@roentgen/tensor";
import { withDevice } from "@roentgen/tensor/testing/node";
import { beforeAll, expect, it } from "vitest";
import { loadPretrained } from "./load-pretrained.ts";

/** Even: of odd images SAME and symmetric padding are alike. */
const side = 32;
const random = new Rng(3);
const pixels = Uint8Array.from({ length: side * side * 3 }, () => random.int(256));

/** Largest difference, relative to the largest value: two ways of normalising round differently. */
const apart = (a: readonly number[], b: ArrayLike<number>): number => Math.max(...a.map((v, i) => Math.abs(v - b[i]!))) / Math.max(...a.map(Math.abs));

withDevice("loadPretrained", (device) => {
  let weights: StateDict;
  beforeAll(async () => {
    const model = materialize(resnet({ depth: 50, classes: 3 }), device(), { seed: 7 });
    weights = await stateDict(model);
    dispose(model);
    // Statistics that keep the features of so deep an untrained network in range.
    for (const [name, { shape }] of weights) if (name.endsWith("running_var")) weights.set(name, hostTensor("f32", shape, Float32Array.from({ length: shape[0] ?? 1 }, () => random.uniform(1, 4))));
  });

  /** What comes out of it for the image above. */
  async function outputs(numerics: Numerics | undefined): Promise<number[]> {
    const { model, forward } = loadPretrained(device(), { tensors: weights, numerics });
    const out = await device().scope(() => noGrad(() => forward(tensor(device(), pixels, [1, side, side, 3], "u8")))).floats();
    dispose(model);
    return [...out];
  }

  it("computes as torchvision's network where nothing else is said, with the file's own head", async () => {
    const reference = materialize(resnet({ depth: 50, classes: 3 }), device(), { seed: 0 }).eval();
    loadStateDict(reference, weights);
    const { mean, std } = torchvisionNumerics.input;
    const normalised = Float32Array.from(pixels, (p, i) => (p / 255 - mean[i % 3]!) / std[i % 3]!);
    const expected = await device().scope(() => noGrad(() => reference.forward(tensor(device(), normalised, [1, side, side, 3])))).floats();
    dispose(reference);
    const got = await outputs(undefined);
    expect(got).toHaveLength(3);
    expect(apart(got, expected)).toBeLessThan(1e-4);
  });

  it("applies each of a file's numerics", async () => {
    const t = torchvisionNumerics;
    const variants: Numerics[] = [t, { ...t, strideOn: "1x1" }, { ...t, padding: "same" }, { ...t, poolPadding: "same" }, { ...t, bnEps: 1e-3 }, { ...t, input: { ...t.input, std: [0.228, 0.224, 0.225] } }, { ...t, input: { ...t.input, mean: [0, 0, 0] } }];
    const seen = new Set<string>();
    for (const numerics of variants) seen.add((await outputs(numerics)).join());
    expect(seen.size).toBe(variants.length);
    // Another scale of the same numbers is the same network.
    const { mean, std } = t.input;
    const in255 = await outputs({ ...t, input: { mean: mean.map((m) => 255 * m) as never, std: std.map((s) => 255 * s) as never, range: [0, 255] } });
    expect(apart(in255, await outputs(t))).toBeLessThan(1e-4);
  });

  it("takes a new head of any size, or none", async () => {
    const shapes = [5, null].map((classes) => {
      const { model } = loadPretrained(device(), { tensors: weights, classes, seed: 1 });
      const fc = [...model.parameters()].filter(({ path }) => path.startsWith("fc.")).map(({ shape }) => [...shape]);
      dispose(model);
      return fc;
    });
    expect(shapes).toEqual([[[5, 2048], [5]], []]);
  });

  it("refuses what is no ResNet, and a network that is not whole", () => {
    const without = (pattern: RegExp): StateDict => new Map([...weights].filter(([name]) => !pattern.test(name)));
    const load = (tensors: StateDict) => () => loadPretrained(device(), { tensors, source: "x.pth" });
    expect(load(without(/^layer4/))).toThrow("x.pth: blocks 3-4-6-0 of three convolutions make no ResNet-18, 34, 50, 101 or 152");
    expect(load(without(/^layer2\.0\.bn1\.bias/))).toThrow(/x\.pth: 1 tensors of the model are not in the file: .*layer2\.0\.bn1\.bias/);
    expect(load(new Map())).toThrow(CheckpointError);
  });
});
