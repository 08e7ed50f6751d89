import * as kernels from "@roentgen/kernels";
import { create, globals } from "webgpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { barriersAreCostly } from "./barriers.ts";
import { openDevice } from "./node.ts";
import { describe as describeAdapter, openOn } from "./open.ts";

const present = process.env.ROENTGEN_REQUIRE_GPU === "1" || (await openDevice().then((device) => (device.close(), true), () => false));

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

// Few software drivers offer the feature (lavapipe from Mesa 26 on), but Dawn's null backend does: it compiles shaders and runs nothing.
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

  it.each(withMatrices.map((kernel) => [kernel.name, kernel] as const))("%s, which few drivers can run", async (_, { source, entryPoint }) => {
    if (!device) throw new Error("Dawn has no null backend with subgroup matrices.");
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: source });
    device.createComputePipeline({ layout: "auto", compute: { module, entryPoint, constants: { WORKGROUP: 128, TILE_M: 64, TILE_N: 64 } } });
    const error = await device.popErrorScope();
    expect([...(await module.getCompilationInfo()).messages].map(({ message }) => message)).toEqual([]);
    expect(error?.message).toBeUndefined();
  });
});

describe("an opened device", () => {
  /** An adapter with shader-f16 whose compiler says this of every module. */
  async function adapterWhoseCompilerSays(messages: readonly { readonly type: string; readonly message: string }[]): Promise<GPUAdapter> {
    Object.assign(globalThis, globals);
    const adapter = (await create(["backend=null"]).requestAdapter()) as GPUAdapter;
    const requestDevice = async (descriptor: GPUDeviceDescriptor) => {
      const device = await adapter.requestDevice(descriptor);
      device.createShaderModule = () => ({ label: "", getCompilationInfo: async () => ({ messages }) }) as unknown as GPUShaderModule;
      return device;
    };
    return { info: adapter.info, features: adapter.features, limits: adapter.limits, requestDevice } as unknown as GPUAdapter;
  }

  it.skipIf(!present)("is found out to compute on the processor, whatever its driver calls itself", async () => {
    Object.assign(globalThis, globals);
    const gpu = create([]);
    const adapter = (await gpu.requestAdapter()) as GPUAdapter;
    const named = (vendor: string) => ({ ...describeAdapter(adapter, "node"), vendor, architecture: "", device: "", description: "", software: false });
    const isSoftware = describeAdapter(adapter, "node").software;
    for (const [vendor, expected] of [["somebody", isSoftware], ["nvidia", false]] as const) {
      const asked: boolean[] = [];
      // A budget that the measurement itself would break.
      const device = await openOn((await gpu.requestAdapter()) as GPUAdapter, named(vendor), (software) => (asked.push(software), { budgetBytes: 1000 }));
      const found = [vendor, asked, device.freeBytes, device.info.software, barriersAreCostly(device), device.heldBytes];
      device.close();
      expect(found).toEqual([vendor, [expected], 1000, expected, expected, 0]);
    }
    void gpu;
  });

  it.each([
    ["keeps f16 where the compiler knows it", [], true],
    ["keeps f16 where the compiler only warns", [{ type: "warning", message: "a cast for nothing" }], true],
    ["stores f16 packed where the compiler cannot cast to it", [{ type: "error", message: "cannot cast a vec2<f32> to a vec4<f32>" }], false],
  ] as const)("%s", async (_, messages, kept) => {
    const adapter = await adapterWhoseCompilerSays(messages);
    const device = await openOn(adapter, { ...describeAdapter(adapter, "browser"), vendor: "amd" }, () => ({}));
    expect(device.info.features.includes("shader-f16")).toBe(kept);
    device.close();
  });
});
