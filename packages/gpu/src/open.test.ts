import * as kernels from "@roentgen/kernels";
import { create, globals } from "webgpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describe as describeAdapter } from "./open.ts";

const feature = "chromium-experimental-subgroup-matrix";

describe("an adapter's description", () => {
  const adapter = (features: readonly string[]) => ({
    info: {
      vendor: "v", architecture: "a", device: "d", description: "", subgroupMinSize: 4, subgroupMaxSize: 64, isFallbackAdapter: false,
      subgroupMatrixConfigs: [["f16", "f16", 16, 16, 16], ["f16", "f32", 16, 16, 16], ["i8", "i32", 16, 16, 32], ["f16", "f32", 16, 8, 8]].map(([componentType, resultComponentType, M, N, K]) => ({ componentType, resultComponentType, M, N, K })),
    },
    features: new Set(features),
  }) as unknown as GPUAdapter;

  it("says which matrices subgroups multiply from f16 to f32", () => {
    expect(describeAdapter(adapter(["subgroups", feature]), "node")).toMatchObject({ subgroupSize: 0, subgroupMaxSize: 64, matrixSizes: [[16, 16, 16], [16, 8, 8]] });
  });

  it("names none where the feature is not offered", () => {
    expect(describeAdapter(adapter([]), "node")).not.toHaveProperty("matrixSizes");
  });
});

// No adapter of a software driver offers the feature, but Dawn's null backend does: it compiles shaders and runs nothing.
describe("Dawn's compiler accepts", () => {
  let gpu: GPU | undefined;
  let device: GPUDevice | undefined;

  beforeAll(async () => {
    Object.assign(globalThis, globals);
    gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
    device = await (await gpu.requestAdapter())?.requestDevice({ requiredFeatures: ["shader-f16", "subgroups", feature as GPUFeatureName] });
  });
  afterAll(() => device?.destroy());

  const made = Object.values(kernels).flatMap((file) => (typeof file === "string" ? [] : Object.values(file)));
  const withMatrices = made.filter(({ requires }) => requires.includes(feature.replaceAll("-", "_")));

  it.each(withMatrices.map((kernel) => [kernel.name, kernel] as const))("%s, which no driver here can run", async (_, { source, entryPoint }) => {
    if (!device) throw new Error("Dawn has no null backend with subgroup matrices.");
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: source });
    device.createComputePipeline({ layout: "auto", compute: { module, entryPoint, constants: { WORKGROUP: 128, TILE_M: 64, TILE_N: 64 } } });
    const error = await device.popErrorScope();
    expect([...(await module.getCompilationInfo()).messages].map(({ message }) => message)).toEqual([]);
    expect(error?.message).toBeUndefined();
  });
});
