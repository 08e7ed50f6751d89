// A checkpoint as its framework wrote it, converted, loaded into our ResNet-50 and run, against the features that the framework
// computed from the same file: containers, key maps, layouts, padding and epsilon at once.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConvertedFile, loadConverted } from "@roentgen/checkpoints/node";
import type { StateDict } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { resnet, type ResNetOptions } from "@roentgen/models";
import { dispose, loadStateDict, materialize } from "@roentgen/nn";
import { noGrad, record, spec } from "@roentgen/tensor";
import { withDevice } from "@roentgen/tensor/testing/node";
import { draw, featuresOf, type Framework, inputOf, type InputName, keptOf, rebuild } from "./fixtures/frameworks/rebuild.ts";

const allowed = 1e-4;
const patience = 300_000;
const frameworks: readonly [Framework, what: string, method: string, numerics: ResNetOptions][] = [
  ["torchvision", "torchvision's ResNet-50 in a PyTorch zip", "imagenet-v2", { padding: "symmetric", poolPadding: "symmetric" }],
  ["simclr", "SimCLR's ResNet-50 in a TensorFlow bundle", "simclr-v1", { padding: "symmetric", poolPadding: "same" }],
  ["byol", "Haiku's ResNet-50 in BYOL's training state by dill", "byol", { padding: "same", poolPadding: "same" }],
];

withDevice("converted checkpoints", (device) => {
  describe.each(frameworks)("%s: %s", (name, _what, method, expected) => {
    const kept = keptOf(name);
    let folder = "";
    let sha256 = "";
    let converted: ConvertedFile & { readonly tensors: StateDict };
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "roentgen-frameworks-"));
      const file = rebuild(name, folder);
      sha256 = file.sha256;
      const index = Object.keys(kept.others).find((other) => other.endsWith(".index"));
      converted = await loadConverted(index === undefined ? file.path : join(folder, index));
    }, patience);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it("is the framework's file, byte for byte", () => expect(sha256).toBe(kept.sha256));

    it("is recognised, and says how it pads", () => {
      const { report, numerics } = converted;
      expect(name === "torchvision" ? [report.method, ...report.alike] : [report.method]).toContain(method);
      expect({ padding: numerics.padding, poolPadding: numerics.poolPadding ?? numerics.padding }).toEqual(expected);
      expect([numerics.strideOn, numerics.bnEps]).toEqual(["3x3", 1e-5]);
    });

    it("becomes the tensors that were drawn, bit for bit", () => {
      const { tensors } = converted;
      expect(tensors.size).toBe(320);
      const wrong = kept.cuts.filter(([, path, shape]) => {
        const { data } = tensors.get(path) ?? {};
        return !(data instanceof Float32Array) || !sameBytes(data, draw(path, shape));
      });
      expect(wrong.map(([, path]) => path)).toEqual([]);
    });

    it.each<InputName>(["even", "odd"])("gives the framework's pooled features of images of %s size", async (input) => {
      const { padding, poolPadding, bnEps, strideOn } = converted.numerics;
      const ours = await features(device(), converted.tensors, input, { padding, ...(poolPadding ? { poolPadding } : {}), eps: bnEps, strideOn });
      expect(farthest(ours, featuresOf(kept, input))).toBeLessThan(allowed);
    }, patience);

    const mistakes: [what: string, options: ResNetOptions][] = [
      ["the other padding of the max-pool", { ...expected, poolPadding: expected.poolPadding === "same" ? "symmetric" : "same" }],
      ["the other padding of the convolutions", { ...expected, padding: expected.padding === "same" ? "symmetric" : "same" }],
      ["no epsilon to speak of", { ...expected, eps: 1e-9 }],
      ["the stride on the 1x1", { ...expected, strideOn: "1x1" }],
    ];
    it.each(mistakes)("gives others with %s", async (_mistake, options) => {
      const ours = await features(device(), converted.tensors, "even", options);
      expect(farthest(ours, featuresOf(kept, "even"))).toBeGreaterThan(50 * allowed);
    }, patience);
  });
});

/** Pooled features f32[N,2048] in evaluation. */
async function features(device: Device, tensors: StateDict, input: InputName, options: ResNetOptions): Promise<Float32Array> {
  const model = materialize(resnet({ depth: 50, classes: null, ...options }), device, { seed: 0, except: () => true });
  loadStateDict(model, new Map([...tensors].filter(([path]) => !path.startsWith("fc."))), { source: "converted" });
  model.eval();
  const { shape, data } = inputOf(input);
  const plan = record(device, "features", (images) => noGrad(() => model.forward(images)), [spec("f32", shape)]);
  const pooled = await plan.run(data).floats();
  plan.dispose();
  dispose(model);
  device.trim();
  return pooled;
}

/** The larger of the relative L2 distance and the largest difference over the largest feature. */
function farthest(got: ArrayLike<number>, wanted: Float32Array): number {
  expect(got.length).toBe(wanted.length);
  const differences = Array.from(wanted, (v, i) => v - (got[i] ?? NaN));
  const most = (values: Iterable<number>): number => [...values].reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return Math.max(Math.hypot(...differences) / Math.hypot(...wanted), most(differences) / most(wanted));
}

const sameBytes = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));
