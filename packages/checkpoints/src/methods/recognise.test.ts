import { CheckpointError, ConfigError, hostTensor, type Shape } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import type { Container } from "../containers/container.ts";
import { LazyTensor } from "../lazy-tensor.ts";
import { Inert, type Value } from "../pickle/values.ts";
import { canonicalShapes } from "./architecture.ts";
import { convertContainer, type ConvertOptions } from "./convert.ts";

const lazy = (shape: Shape, dtype: "f32" | "f64" | "i64" = "f32") => new LazyTensor(dtype, shape, async () => hostTensor(dtype, shape));
const shapes = canonicalShapes({ name: "resnet50", blocks: [3, 4, 6, 3], bottleneck: true });
const backbone = (prefix = "") => [...shapes].map(([name, shape]): [string, Value] => [prefix + name, lazy(shape, name.endsWith("tracked") ? "i64" : "f32")]);
const dict = (...parts: (readonly [string, Value])[][]): Map<Value, Value> => new Map(parts.flat());
const convert = (root: Value, options: Partial<ConvertOptions> = {}) => convertContainer({ kind: "torch-zip", packedIn: [], root, metadata: new Map() } satisfies Container, { fileName: "x.pth", ...options });
const wrapped = (key: string, inner: Value) => new Map<Value, Value>([[key, inner]]);

describe("a file is told by what it holds", () => {
  it.each<[string, Value, string, string, string]>([
    ["x.pth", dict(backbone()), "barlow-twins", "guess", "vicreg dino imagenet-chestxray14 imagenet-chexpert chestxray14 chexpert"],
    ["chestxray14.pth.tar", wrapped("state_dict", dict(backbone("module."))), "chestxray14", "likely", "imagenet-chestxray14 imagenet-chexpert chexpert"],
    ["ImageNet_chexpert.pth.tar", wrapped("state_dict", dict(backbone())), "imagenet-chexpert", "likely", "barlow-twins vicreg dino imagenet-chestxray14 chestxray14 chexpert"],
    ["x.pth", wrapped("state_dict", dict(backbone("module.encoder_q."), [["module.encoder_q.fc.weight", lazy([128, 2048])], ["module.encoder_q.fc.bias", lazy([128])], ["module.queue", lazy([128, 16384])]])), "pcl-v1", "certain", ""],
    ["x.pth", wrapped("model", dict(backbone("encoder."), [["head.0.weight", lazy([128, 2048])]])), "insdis", "certain", ""],
    ["x.pth", wrapped("weights", dict(backbone("net."))), "plain", "guess", ""],
  ])("%s (%#)", async (fileName, root, method, sureness, alike) => {
    const { report } = await convert(root, { fileName });
    expect([report.method, report.sureness, report.alike.join(" ")]).toEqual([method, sureness, alike]);
  });

  it("unless its method is named, which decides between those that look the same, and no others", async () => {
    const root = wrapped("state_dict", dict(backbone("module.encoder_q."), [["module.encoder_q.fc.weight", lazy([128, 2048])], ["module.encoder_q.fc.bias", lazy([128])]]));
    const [guess, asked, certain] = await Promise.all([
      convert(root), convert(root, { method: "pcl-v1" }), convert(wrapped("model", dict(backbone("encoder."), [["head.0.weight", lazy([128, 2048])]])), { method: "insdis" }),
    ]);
    expect([guess.report.method, guess.report.sureness, guess.report.alike, guess.report.licence]).toEqual(["moco-v1", "guess", ["pcl-v1"], "unknown, as long as it is not known whose file this is"]);
    expect([asked.report.method, asked.report.sureness, asked.report.alike, asked.report.licence]).toEqual(["pcl-v1", "asked", ["moco-v1"], "MIT"]);
    expect(asked.report.because.at(-1)).toBe("pcl-v1 was asked for; nothing in the file says otherwise");
    expect(asked.metadata.get("roentgen.method_alike")).toBe("moco-v1");
    expect(certain.report.sureness).toBe("certain");
    await expect(convert(root, { method: "moco-v2" })).rejects.toThrow("the file is not what moco-v2 releases");
  });
});

describe("a file is refused", () => {
  const without = (name: string) => backbone().filter(([key]) => key !== name);
  const withOther = (name: string, tensor: Value) => dict(backbone(), [[name, tensor]]);
  it.each<[string, Value, Partial<ConvertOptions>, string]>([
    ["without a tensor", dict(without("layer3.2.bn2.running_var")), {}, '1 of resnet50\'s tensors are missing: "layer3.2.bn2.running_var"'],
    ["with another shape", withOther("layer2.1.conv1.weight", lazy([128, 256, 1, 1])), {}, '"layer2.1.conv1.weight" is f32[128,256,1,1], resnet50 has f32[128,512,1,1]'],
    ["with a wider block", withOther("layer1.0.conv2.weight", lazy([128, 64, 3, 3])), {}, '"layer1.0.conv2.weight" is f32[128,64,3,3], resnet50 has f32[64,64,3,3]'],
    ["with a stem for small images", withOther("conv1.weight", lazy([64, 3, 3, 3])), {}, '"conv1.weight" is f32[64,3,3,3], expected f32[64,3,7,7]'],
    ["with a bias", withOther("layer1.0.conv1.bias", lazy([64])), {}, '"layer1.0.conv1.bias"'],
    ["with a count for a weight", withOther("bn1.weight", lazy([64], "i64")), {}, '"bn1.weight" is i64[64], expected f32'],
    ["with a block missing", dict(backbone().filter(([key]) => !key.startsWith("layer3.5."))), {}, "blocks 3-4-5-3 of three convolutions make no ResNet"],
    ["with a stranger", withOther("extra.weight", lazy([3])), {}, 'tensors that barlow-twins\'s files do not have: "extra.weight". `roentgen convert --drop-unknown` leaves them out'],
    ["with two networks", dict(backbone("student."), backbone("other.")), {}, 'under "student."; the outermost dict holds a ResNet under "other.". Say which with --prefix'],
    ["with no network", wrapped("epoch", 3), {}, "no dict of tensors in it"],
    ["with a model instead of its state", Object.assign(new Inert("torchvision.models.resnet.ResNet", []), { state: new Map([["_modules", new Map()]]) }), {}, 'a whole "torchvision.models.resnet.ResNet", whose code would have to be run to read it. Save its state in its place: torch.save(model.state_dict(), path).'],
    ["with another network", dict([["features.0.weight", lazy([64, 3, 11, 11])]]), {}, 'no ResNet in outermost: 1 tensors, "features.0.weight"'],
    ["that is not what was asked for", dict(backbone()), { method: "swav" }, "the file is not what swav releases"],
    ["with more tensors than any", dict(Array.from({ length: 50_001 }, (_, i) => [`t${i}`, lazy([1])] as const)), {}, "more than 50000 tensors"],
  ])("%s", async (_, root, options, message) => {
    const outcome = convert(root, options);
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.toBeInstanceOf(CheckpointError);
  });

  it("for a method that nobody knows, as any wrong option", async () => {
    const outcome = convert(dict(backbone()), { method: "swaw" });
    await expect(outcome).rejects.toThrow('there is no method "swaw"; choose auto or one of');
    await expect(outcome).rejects.toBeInstanceOf(ConfigError);
  });

  it("unless it is told what to leave out, or which to take", async () => {
    const { report } = await convert(withOther("extra.weight", lazy([3])), { dropUnknown: true });
    expect(report.dropped).toEqual(["extra.weight"]);
    const two = await convert(dict(backbone("student."), backbone("other.")), { prefix: "other." });
    expect([two.report.path, two.report.dropped.length]).toEqual(["other.", 318]);
  });
});

describe("numbers of other types", () => {
  const container = (tensor: LazyTensor): Promise<LazyTensor> => convert(dict(backbone(), [["bn1.weight", tensor]])).then(({ tensors }) => tensors.get("bn1.weight")!);
  const made = <D extends "f16" | "bf16" | "f64">(dtype: D, data: Uint16Array | Float64Array) =>
    new LazyTensor(dtype, [64], async () => hostTensor(dtype, [64], data as never));
  const padded = (values: number[]) => Uint16Array.from({ length: 64 }, (_, i) => values[i] ?? 0);

  it("widen exactly", async () => {
    const half = await (await container(made("f16", padded([0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00])))).read();
    expect([...(half.data as Float32Array).slice(0, 6)]).toEqual([1, -2, 65504, 2 ** -24, -0, Infinity]);
    const brain = await (await container(made("bf16", padded([0x3f80, 0xc000])))).read();
    expect([...(brain.data as Float32Array).slice(0, 2)]).toEqual([1, -2]);
    const double = await (await container(made("f64", Float64Array.from({ length: 64 }, (_, i) => i / 4)))).read();
    expect((double.data as Float32Array)[3]).toBe(0.75);
  });

  it("are refused where they would be rounded", async () => {
    const tensor = await container(made("f64", new Float64Array(64).fill(0.1)));
    await expect(tensor.read()).rejects.toThrow('"bn1.weight" is f64 and element 0, 0.1, is no f32 value');
  });
});
