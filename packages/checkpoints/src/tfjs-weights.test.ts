import { CheckpointError } from "@roentgen/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTfjsWeights } from "./tfjs-weights.ts";

const weight = (name: string, shape: unknown, dtype = "float32", more: object = {}) => ({ name, shape, dtype, ...more });
const modelJson = (weights: unknown, paths: unknown = ["w.bin"], format = "layers-model") => JSON.stringify({ format, weightsManifest: [{ paths, weights }] });
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe("readTfjsWeights", () => {
  it("reads tensors in manifest order, whichever way their bytes are cut into shards", async () => {
    const weights = [weight("a/kernel", [1, 2, 1, 2]), weight("steps", [], "int32"), weight("mask", [3], "bool"), weight("none", [0, 4]), weight("b", [2])];
    const bytes = new Uint8Array([...floats(1, 2, 3, 4), ...new Uint8Array(Int32Array.of(-5).buffer), 1, 0, 1, ...floats(6, 7)]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 5 }), async (cuts) => {
        const edges = [0, ...cuts.sort((x, y) => x - y), bytes.length];
        const paths = edges.slice(1).map((_, i) => `group1-shard${i + 1}of${edges.length - 1}.bin`);
        const asked: string[] = [];
        const tensors = await readTfjsWeights(modelJson(weights, paths), (path) => {
          asked.push(path);
          const i = paths.indexOf(path);
          return bytes.slice(edges[i], edges[i + 1]);
        });
        expect(asked).toEqual(paths);
        expect([...tensors]).toEqual([
          ["a/kernel", { dtype: "f32", shape: [1, 2, 1, 2], data: Float32Array.of(1, 2, 3, 4) }],
          ["steps", { dtype: "i32", shape: [], data: Int32Array.of(-5) }],
          ["mask", { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) }],
          ["none", { dtype: "f32", shape: [0, 4], data: new Float32Array() }],
          ["b", { dtype: "f32", shape: [2], data: Float32Array.of(6, 7) }],
        ]);
      }),
      { seed: 6, numRuns: 200 },
    );
  });

  it("reads a graph model, whose manifest is the same", async () => {
    const tensors = await readTfjsWeights(modelJson([weight("resnet50/conv1/Conv2D_weights", [1, 1, 1, 2])], ["w.bin"], "graph-model"), () => floats(1, 2));
    expect([...tensors]).toEqual([["resnet50/conv1/Conv2D_weights", { dtype: "f32", shape: [1, 1, 1, 2], data: Float32Array.of(1, 2) }]]);
  });

  it("reads several groups, each from its own shards", async () => {
    const manifest = [{ paths: ["x.bin"], weights: [weight("a", [1])] }, { paths: ["sub/y.bin"], weights: [weight("b", [1])] }];
    const tensors = await readTfjsWeights(JSON.stringify({ format: "layers-model", weightsManifest: manifest }), async (path) => (path === "x.bin" ? floats(1) : floats(2)));
    expect([...tensors].map(([name, { data }]) => [name, data[0]])).toEqual([["a", 1], ["b", 2]]);
  });

  it.each<[string, string, string]>([
    ["text that is not JSON", "<html>", 'expected a value at character 0, got "<html>"'],
    ["another format", modelJson([], [], "tensor-model"), 'expected "format": "layers-model" or "graph-model", got "tensor-model"'],
    ["no format at all", '{"modelTopology": {}}', 'expected "format": "layers-model" or "graph-model", got undefined'],
    ["no manifest", '{"format": "layers-model"}', "weightsManifest must be an array"],
    ["a manifest without weights", JSON.stringify({ format: "layers-model", weightsManifest: [{ paths: [] }] }), "weightsManifest[0].weights must be an array"],
    ["a shard in another folder", modelJson([weight("a", [1])], ["../w.bin"]), 'names the shard "../w.bin"'],
    ["a shard at an absolute path", modelJson([weight("a", [1])], ["/etc/passwd"]), 'names the shard "/etc/passwd"'],
    ["a shard at an address", modelJson([weight("a", [1])], ["https://example.org/w.bin"]), "expected a plain path"],
    ["a shard that is no text", modelJson([weight("a", [1])], [7]), 'names the shard "7"'],
    ["quantised weights", modelJson([weight("a", [1], "float32", { quantization: { dtype: "uint8" } })]), '"a" is quantised'],
    ["an unknown dtype", modelJson([weight("a", [1], "complex64")]), '"a" has dtype "complex64", expected one of float32 int32 uint8 bool'],
    ["a nameless tensor", modelJson([{ shape: [1], dtype: "float32" }]), "weightsManifest[0].weights[0] has no name"],
    ["a name that comes twice", modelJson([weight("a", []), weight("a", [0])]), '"a" is declared twice'],
    ["a negative axis", modelJson([weight("a", [-1])]), "axis -1"],
    ["a fractional axis", modelJson([weight("a", [1.5])]), "axis 1.5"],
    ["a product beyond 2^53", modelJson([weight("a", [2 ** 31, 2 ** 31])]), "a shape that no file can hold"],
    ["a tensor of nine axes", modelJson([weight("a", [1, 1, 1, 1, 1, 1, 1, 1, 1])]), "has 9 axes, at most 8 are read"],
    ["more tensors than bytes", modelJson([weight("a", [2])]), "its tensors take 8 bytes, the 1 shards have 4"],
    ["a petabyte that is not there", modelJson([weight("a", [2 ** 48])]), "the 1 shards have 4"],
    ["more bytes than tensors", modelJson([weight("a", [0])]), "its tensors take 0 bytes, the 1 shards have more"],
  ])("refuses %s", async (_, text, message) => {
    const reading = () => readTfjsWeights(text, () => floats(1));
    await expect(reading()).rejects.toThrowError(message);
    await expect(reading()).rejects.toThrowError(CheckpointError);
  });
});
