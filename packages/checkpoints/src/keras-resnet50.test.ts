import { CheckpointError, hostTensor, type HostTensor, Rng, sizeOf, type StateDict } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { openContainer } from "./containers/open.ts";
import { kerasResnet50ToTorchvision } from "./keras-resnet50.ts";
import { convertContainer, readAll } from "./methods/convert.ts";
import { memorySource } from "./random-access.ts";

// The network with every width divided by 16, each tensor with values of its own.
const stem = 4;
const classes = 10;

function microKeras(seed = 1): StateDict {
  const source: StateDict = new Map();
  const fill = (name: string, shape: number[], low: number, high: number) => {
    const rng = Rng.for(seed, name);
    source.set(name, hostTensor("f32", shape, Float32Array.from({ length: sizeOf(shape) }, () => rng.uniform(low, high))));
  };
  const convBn = (conv: string, bn: string, hwio: number[], variance: number) => {
    const o = hwio[3]!;
    fill(`${conv}/kernel`, hwio, -1, 1);
    fill(`${conv}/bias`, [o], -1, 1);
    fill(`${bn}/gamma`, [o], 0.5, 2);
    fill(`${bn}/beta`, [o], -1, 1);
    fill(`${bn}/moving_mean`, [o], -1, 1);
    fill(`${bn}/moving_variance`, [o], variance / 2, variance * 2);
  };
  convBn("conv1", "bn_conv1", [7, 7, 3, stem], 3000);
  let inputs = stem;
  [3, 4, 6, 3].forEach((blocks, stage) => {
    const width = stem << stage;
    for (const letter of "abcdef".slice(0, blocks)) {
      const at = (branch: string) => [`res${stage + 2}${letter}_branch${branch}`, `bn${stage + 2}${letter}_branch${branch}`] as const;
      convBn(...at("2a"), [1, 1, inputs, width], 1);
      convBn(...at("2b"), [3, 3, width, width], 1);
      convBn(...at("2c"), [1, 1, width, width * 4], 1);
      if (letter === "a") convBn(...at("1"), [1, 1, inputs, width * 4], 1);
      inputs = width * 4;
    }
  });
  fill("fc1000/kernel", [inputs, classes], -1, 1);
  fill("fc1000/bias", [classes], -1, 1);
  return source;
}

const get = (state: StateDict, name: string): HostTensor<"f32"> => {
  const tensor = state.get(name);
  if (tensor?.dtype !== "f32") throw new Error(`no f32 ${name}`);
  return tensor as HostTensor<"f32">;
};
const at = (state: StateDict, name: string, ...index: number[]): number => {
  const { shape, data } = get(state, name);
  return data[index.reduce((flat, i, axis) => flat * shape[axis]! + i, 0)]!;
};

describe("kerasResnet50ToTorchvision", () => {
  const source = microKeras();
  const { tensors, numerics } = kerasResnet50ToTorchvision(source);

  it("gives the 320 entries of torchvision's state dict, in its order", () => {
    const names = [...tensors.keys()];
    expect(names).toHaveLength(320);
    expect(names.slice(0, 12)).toEqual([
      "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
      "layer1.0.conv1.weight", "layer1.0.bn1.weight", "layer1.0.bn1.bias", "layer1.0.bn1.running_mean", "layer1.0.bn1.running_var", "layer1.0.bn1.num_batches_tracked",
    ]);
    expect(names.filter((name) => name.endsWith("downsample.0.weight"))).toEqual([1, 2, 3, 4].map((n) => `layer${n}.0.downsample.0.weight`));
    expect(names.filter((name) => /^layer\d\.\d\.conv2/.test(name))).toHaveLength(16);
    expect(names.slice(-2)).toEqual(["fc.weight", "fc.bias"]);
    expect([...tensors.values()].filter((t) => t.dtype === "i64" && t.shape.length === 0)).toHaveLength(53);
  });

  it.each([
    ["layer1.0.conv1.weight", "res2a_branch2a", [1, 2, 0, 0]],
    ["layer1.0.downsample.0.weight", "res2a_branch1", [15, 3, 0, 0]],
    ["layer1.0.conv3.weight", "res2a_branch2c", [15, 3, 0, 0]],
    ["layer2.3.conv2.weight", "res3d_branch2b", [1, 5, 2, 0]],
    ["layer3.5.conv2.weight", "res4f_branch2b", [7, 0, 0, 2]],
    ["layer4.2.conv3.weight", "res5c_branch2c", [100, 31, 0, 0]],
  ] as const)("takes %s from %s and turns HWIO to OIHW", (to, from, [o, i, h, w]) => {
    expect(at(tensors, to, o, i, h, w)).toBe(at(source, `${from}/kernel`, h, w, i, o));
  });

  it("turns the classifier from [in, out] to [out, in]", () => {
    expect(get(tensors, "fc.weight").shape).toEqual([classes, stem * 32]);
    expect(at(tensors, "fc.weight", 3, 50)).toBe(at(source, "fc1000/kernel", 50, 3));
    expect(get(tensors, "fc.bias").data).toEqual(get(source, "fc1000/bias").data);
  });

  it("takes scale and shift over, and subtracts each convolution's bias from the running mean", () => {
    expect(get(tensors, "layer2.0.downsample.1.weight").data).toEqual(get(source, "bn3a_branch1/gamma").data);
    expect(get(tensors, "layer2.0.downsample.1.bias").data).toEqual(get(source, "bn3a_branch1/beta").data);
    expect(get(tensors, "layer2.0.downsample.1.running_var").data).toEqual(get(source, "bn3a_branch1/moving_variance").data);
    const [mean, bias] = [get(source, "bn3a_branch1/moving_mean").data, get(source, "res3a_branch1/bias").data];
    expect(get(tensors, "layer2.0.downsample.1.running_mean").data).toEqual(mean.map((m, i) => m - bias[i]!));
  });

  it("makes the stem give the same for normalised RGB as the original's gives for BGR minus its mean colour", () => {
    const rng = Rng.for(2, "patch");
    const rgb = Array.from({ length: 49 }, () => [0, 1, 2].map(() => rng.int(256)));
    const kerasMean = [103.939, 116.779, 123.68];
    const { mean, std } = numerics.input;
    for (let k = 0; k < stem; k++) {
      let theirs = at(source, "conv1/bias", k);
      let ours = 0;
      rgb.forEach((pixel, p) => {
        for (let c = 0; c < 3; c++) {
          theirs += (pixel[2 - c]! - kerasMean[c]!) * at(source, "conv1/kernel", Math.floor(p / 7), p % 7, c, k);
          ours += ((pixel[c]! / 255 - mean[c]!) / std[c]!) * at(tensors, "conv1.weight", k, c, Math.floor(p / 7), p % 7);
        }
      });
      const norm = (y: number, m: number, v: number) => (y - m) / Math.sqrt(v + numerics.bnEps);
      const expected = norm(theirs, at(source, "bn_conv1/moving_mean", k), at(source, "bn_conv1/moving_variance", k));
      const got = norm(ours, at(tensors, "bn1.running_mean", k), at(tensors, "bn1.running_var", k));
      expect(Math.abs(got - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
    }
  });

  it("says how the network computes", () => {
    expect(numerics).toMatchObject({ strideOn: "1x1", padding: "symmetric", bnEps: 1e-3 });
  });

  it("leaves its source as it was", () => {
    expect(source).toEqual(microKeras());
  });

  it.each<[string, (state: StateDict) => void, string]>([
    ["a missing tensor", (s) => s.delete("bn4f_branch2b/beta"), '"bn4f_branch2b/beta" is missing; 319 tensors are there'],
    ["a wrong shape", (s) => s.set("res3a_branch2b/kernel", hostTensor("f32", [8, 8, 3, 3])), '"res3a_branch2b/kernel" is f32[8,8,3,3], expected f32[3,3,8,8]'],
    ["a wrong dtype", (s) => s.set("conv1/bias", hostTensor("i32", [stem])), '"conv1/bias" is i32[4], expected f32[4]'],
    ["a stranger", (s) => s.set("conv2/kernel", hostTensor("f32", [1])), '1 tensors have no place in the network: "conv2/kernel"'],
    ["an empty state dict", (s) => s.clear(), '"conv1/kernel" is missing; 0 tensors are there'],
    ["a stem trained on small values", (s) => s.set("bn_conv1/moving_variance", hostTensor("f32", [stem])), '"bn_conv1/moving_variance" is 0 in channel 0, too small'],
  ])("refuses %s", (_, change, message) => {
    const changed = microKeras();
    change(changed);
    expect(() => kerasResnet50ToTorchvision(changed)).toThrowError(message);
    expect(() => kerasResnet50ToTorchvision(changed)).toThrowError(CheckpointError);
  });
});

describe("a TensorFlow.js model of the same network", () => {
  const source = microKeras();
  const convert = async (format: string, rename: (name: string) => string, more: readonly [string, HostTensor][] = []) => {
    const all = [...more, ...source];
    const weights = all.map(([name, { dtype, shape }]) => ({ name: rename(name), shape, dtype: dtype === "f32" ? "float32" : "int32" }));
    const model = new TextEncoder().encode(JSON.stringify({ format, modelTopology: {}, weightsManifest: [{ paths: ["w.bin"], weights }] }));
    const data = Buffer.concat(all.map(([, tensor]) => Buffer.from(tensor.data.buffer)));
    const container = await openContainer(memorySource(model, "model.json"), { findBeside: async (name) => memorySource(new Uint8Array(data), name) });
    return convertContainer(container, { fileName: "model.json" });
  };
  const constant: [string, HostTensor] = ["pool/reduction_indices", hostTensor("i32", [2], Int32Array.of(1, 2))];

  it.each<[string, string, (name: string) => string, readonly [string, HostTensor][], string[]]>([
    ["layers", "layers-model", (name) => name, [], []],
    ["a graph of variables", "graph-model", (name) => name, [constant], ["pool/reduction_indices"]],
    ["a graph that names its scope", "graph-model", (name) => `StatefulPartitionedCall/resnet50/${name}`, [constant], ["pool/reduction_indices"]],
    ["a graph that reads its variables", "graph-model", (name) => `resnet50/${name}/ReadVariableOp/resource`, [], []],
  ])("as %s gives the same tensors", async (_, format, rename, more, dropped) => {
    const conversion = await convert(format, rename, more);
    expect([conversion.report.method, conversion.report.container, conversion.report.dropped]).toEqual(["keras-resnet50", "tfjs", dropped]);
    expect(await readAll(conversion.tensors)).toEqual(kerasResnet50ToTorchvision(source).tensors);
  });

  it("whose batch norms were folded is refused with its names", async () => {
    const folded = convert("graph-model", (name) => name.replace(/^(\w+)\/kernel$/, "resnet50/$1/Conv2D_weights").replace(/^(\w+)\/beta$/, "resnet50/$1/Conv2D_bn_offset").replace(/^(\w+)\/(gamma|moving\w+)$/, "resnet50/$1_$2"));
    await expect(folded).rejects.toThrow(/320 tensors, "resnet50\/conv1\/Conv2D_weights".*batch norms were folded into its filters/);
  });
});
