import { Device, type DeviceInfo, nullDevice } from "@roentgen/gpu";
import { Adam, fileShape, LossScale, materialize, type Module, Pass, type Precision } from "@roentgen/nn";
import { backward, record, spec, sum, type Tensor } from "@roentgen/tensor";
import { describe, expect, it } from "vitest";
import { ResNet, resnet, resnetDepths, samePadding } from "./resnet.ts";
import { summarise } from "./summary.ts";
import { unet } from "./unet.ts";

/** Parameters of torchvision 0.9's models with 1000 classes. */
const torchvision = { 18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808 };

describe("ResNet", () => {
  it.each(resnetDepths)("ResNet-%i has as many parameters as torchvision's", (depth) => {
    expect(summarise(resnet({ depth }), { size: 64 }).parameters).toBe(torchvision[depth]);
  });

  it("ResNet-50 has the counts of benchmark protocol 4.1", () => {
    const at224 = summarise(resnet({ classes: 14 }), { size: 224 });
    expect(at224.parameters).toBe(23_536_718);
    expect(at224.tensors).toBe(320);
    expect(at224.multiplyAdds / 1e9).toBeCloseTo(4.087, 3);
    expect(summarise(resnet({ classes: null }), { size: 224 })).toMatchObject({ parameters: 23_508_032, tensors: 318 });
    expect(summarise(resnet({ classes: 1 }), { size: 576 }).multiplyAdds / 1e9).toBeCloseTo(27.0, 1);
  });

  it("strides on the 3x3 or, as the original, on the first 1x1, with the same tensors", () => {
    const [late, early] = [resnet({ strideOn: "3x3" }), resnet({ strideOn: "1x1" })];
    const shapes = (m: typeof late) => [...m.parameters()].map((p) => [p.path, fileShape(p)]);
    expect(shapes(late)).toEqual(shapes(early));
    expect(summarise(early, { size: 224 }).multiplyAdds / 1e9).toBeCloseTo(3.858, 2);
  });

  it("pads as TensorFlow's SAME does", () => {
    expect(samePadding([224, 224], 7, 2)).toEqual({ top: 2, bottom: 3, left: 2, right: 3 });
    expect(samePadding([112, 56], 3, 2)).toEqual({ top: 0, bottom: 1, left: 0, right: 1 });
    expect(samePadding([7, 7], 3, 1)).toEqual({ top: 1, bottom: 1, left: 1, right: 1 });
    expect(samePadding([7, 7], 1, 2)).toEqual({ top: 0, bottom: 0, left: 0, right: 0 });
  });

  it("has torchvision's names", () => {
    const names = new Set([...resnet().parameters()].map((p) => p.path));
    for (const name of ["conv1.weight", "bn1.running_var", "layer1.0.downsample.0.weight", "layer4.2.bn3.num_batches_tracked", "fc.bias"]) expect(names).toContain(name);
    expect(names.size).toBe(320);
  });

  it("says which depths there are", () => {
    expect(() => resnet({ depth: 20 as 18 })).toThrowErrorMatchingInlineSnapshot(`[ConfigError: resnet: there is no ResNet-20; choose one of 18, 34, 50, 101, 152.]`);
    expect(() => resnet().freezeStages(5)).toThrow("cannot freeze 5 stages");
  });
});

describe("U-Net", () => {
  it("has the counts of benchmark protocol 4.2 with a ResNet-50 encoder", () => {
    const at224 = summarise(unet(), { size: 224 });
    expect(at224.parameters).toBe(32_521_105);
    expect(at224.tensors).toBe(380);
    expect(at224.multiplyAdds / 1e9).toBeCloseTo(8.14, 2);
    expect(summarise(unet(), { size: 512 }).multiplyAdds / 1e9).toBeCloseTo(42.5, 1);
  });

  it("has segmentation-models' names", () => {
    const names = new Set([...unet().parameters()].map((p) => p.path));
    for (const name of ["encoder.conv1.weight", "decoder.blocks.0.conv1.0.weight", "decoder.blocks.4.conv2.1.running_mean", "segmentation_head.0.bias"]) expect(names).toContain(name);
  });

  it.each(resnetDepths)("takes ResNet-%i as its encoder and gives a mask of the image's size", (depth) => {
    const { rows } = summarise(unet({ encoder: { depth } }), { size: 64 });
    expect(rows.at(-1)?.output).toBe("f32[1,64,64,1]");
  });

  it("has each weight in its summary where it is first used", () => {
    const rows = summarise(unet({ encoder: { depth: 18 } }), { size: 64 }).rows.filter(({ name }) => name === "decoder.blocks.0.conv1.0");
    expect(rows.map(({ op, parameters }) => [op, parameters])).toEqual([["upsample", 0], ["concat", 0], ["conv2d", 256 * 9 * (512 + 256)]]);
  });

  it("reads coarse images and skips straight, in mixed precision as f16", () => {
    const device = nullDevice();
    const pass = new Pass(materialize(unet({ encoder: { depth: 18 } }), device, { seed: 0 }), "mixed");
    const { plan } = record(device, "unet", (x) => pass.forward(x as Tensor), [spec("f32", [8, 64, 64, 3])]);
    const kernels = plan.dispatches.filter(({ label }) => label.includes("upsampledConv2d")).map(({ kernel }) => kernel.name);
    expect(kernels.filter((name) => name === "upsampled-conv2d.packed.split").length).toBe(5);
    expect(kernels.filter((name) => name.startsWith("conv2d")).every((name) => name.includes("packed"))).toBe(true);
  });

  it("refuses an image whose sides are no multiples of 32", () => {
    expect(() => summarise(unet(), { size: 100 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: unet: height and width must be multiples of 32, x is f32[1,100,100,3]. Resize or pad the images.]`);
  });
});

/** Adapters whose kernels differ: lanes for software drivers with subgroups of eight, plain ones, tiles for GPUs, and one with all an H200 has. */
const adapters: Readonly<Record<"lanes" | "plain" | "tiled" | "h200", Partial<DeviceInfo>>> = {
  lanes: { software: true, subgroupSize: 8, features: ["subgroups"] },
  plain: {},
  tiled: { software: false, subgroupSize: 32, features: ["subgroups"] },
  h200: {
    software: false, vendor: "nvidia", description: "NVIDIA H200", subgroupSize: 32, subgroupMaxSize: 32, matrixSizes: [[16, 16, 16]],
    features: ["subgroups", "shader-f16", "chromium-experimental-subgroup-matrix"],
  },
};

/** A device that only records, with the limits of a GPU where it stands for one. */
class Planner extends Device {
  constructor(readonly adapter: keyof typeof adapters) {
    super(null, { ...nullDevice().info, ...adapters[adapter] });
  }

  override get limits(): GPUSupportedLimits | null {
    if (adapters[this.adapter].software !== false) return null;
    return { maxComputeWorkgroupStorageSize: 49_152, maxComputeInvocationsPerWorkgroup: 1024, maxComputeWorkgroupSizeX: 1024, maxStorageBuffersPerShaderStage: 16, maxStorageBufferBindingSize: 2 ** 31, maxBufferSize: 2 ** 31 } as GPUSupportedLimits;
  }
}

describe("a plan", () => {
  interface Work {
    readonly adapter?: keyof typeof adapters;
    readonly network?: "resnet18" | "resnet50" | "unet";
    readonly frozenStages?: number;
    readonly batch?: number;
    readonly size?: number;
    readonly checkpointing?: boolean;
    readonly precision?: Precision;
  }
  const trainStep = ({ adapter = "plain", network = "resnet18", frozenStages, batch = 8, size = 64, checkpointing = false, precision = "f32" }: Work = {}) => {
    const device = new Planner(adapter);
    const model = network === "unet" ? unet() : resnet({ depth: network === "resnet50" ? 50 : 18, classes: 3 });
    materialize<Module>(model, device, { seed: 0 }).checkpoint(checkpointing);
    if (frozenStages !== undefined && model instanceof ResNet) model.freezeStages(frozenStages);
    const pass = new Pass<Module & { forward(x: Tensor): Tensor }>(model, precision);
    const lossScale = precision === "mixed" ? new LossScale(device) : undefined;
    const optimizer = new Adam(model.parameters(), { lr: 1e-3, lossScale });
    return record(device, "train", (x) => {
      const loss = sum(pass.forward(x));
      optimizer.step(backward(loss, lossScale?.factor));
      return loss;
    }, [spec("f32", [batch, size, size, 3])]).plan;
  };

  it("of a frozen ResNet-18 step needs little more than its inference", () => {
    const [frozen, full] = [trainStep({ frozenStages: 4 }), trainStep()];
    expect(frozen.dispatches.filter((d) => d.label.includes("grad")).length).toBeLessThan(10);
    expect(frozen.dispatches.length).toBeLessThan(full.dispatches.length / 2);
    expect(frozen.bytes).toBeLessThan(16 * 2 ** 20);
  });

  // Winograd's three kernels where a direct convolution has one are not counted: what they save is not dispatches.
  it.each([
    ["lanes", "f32", "resnet50", 8, 64, 340], ["plain", "f32", "resnet50", 8, 64, 340], ["lanes", "mixed", "resnet50", 8, 64, 340], ["lanes", "f32", "resnet50", 8, 224, 460],
    ["plain", "mixed", "resnet50", 8, 224, 470], ["lanes", "f32", "resnet50", 32, 224, 495], ["plain", "mixed", "resnet50", 32, 224, 500],
    ["tiled", "f32", "resnet50", 32, 224, 450], ["tiled", "mixed", "resnet50", 32, 224, 480], ["tiled", "mixed", "resnet50", 1, 64, 490],
    ["h200", "f32", "resnet50", 32, 224, 480], ["h200", "f32", "resnet50", 4, 64, 490], ["h200", "mixed", "resnet50", 32, 224, 490],
    ["h200", "mixed", "resnet50", 16, 64, 500], ["h200", "mixed", "resnet50", 8, 224, 495], ["h200", "mixed", "resnet50", 1, 224, 490],
    ["lanes", "f32", "unet", 2, 128, 460], ["plain", "f32", "unet", 2, 128, 460],
  ] as const)("of a step by %s kernels in %s of %s, batch %d, %d pixels, takes at most %d dispatches", (adapter, precision, network, batch, size, most) => {
    const plan = trainStep({ adapter, precision, network, batch, size });
    expect(plan.dispatches.filter((d) => !/winograd/.test(d.kernel.name)).length).toBeLessThanOrEqual(most);
    expect(plan.dispatches.filter((d) => /^(fill|copy)/.test(d.kernel.name))).toEqual([]);
  });

  it.each([["lanes", "f32", "resnet18"], ["h200", "mixed", "resnet50"], ["lanes", "f32", "unet"]] as const)("of a step by %s kernels in %s of %s counts the operations of all that computes", (adapter, precision, network) => {
    const silent = trainStep({ adapter, precision, network, batch: 2, size: 64 }).dispatches.filter(({ flops }) => flops === 0).map(({ kernel }) => kernel.name.replace(/\.(half|packed)/, ""));
    // What moves and casts, and what is done once a channel or once a step.
    expect([...new Set(silent)].filter((name) => !/^(shape|cast|concat|upsample|fit-channels|filter-rows\.forward|batch-norm\.merge|loss-scale|optimizer\.advance)/.test(name))).toEqual([]);
  });

  it("of a ResNet-50 step has slots close to what is alive at once", () => {
    const plan = trainStep({ network: "resnet50", batch: 4 });
    expect(plan.bytes).toBeLessThan(1.1 * plan.peakLiveBytes + 2 ** 20);
  });

  // Most of the small batches' memory is gradients of weights: 90 MiB of ResNet-50's, 124 of U-Net's.
  it.each([["resnet50", 8, 64, 0.8], ["resnet50", 32, 224, 0.5], ["unet", 2, 128, 0.85]] as const)(
    "of a checkpointed step of %s, batch %d, %d pixels, needs at most %d of the memory", (network, batch, size, share) => {
      const [all, parts] = [trainStep({ network, batch, size }), trainStep({ network, batch, size, checkpointing: true })];
      expect(parts.bytes / all.bytes).toBeLessThan(share);
      expect(parts.dispatches.length).toBeLessThan(1.4 * all.dispatches.length);
    });
});
