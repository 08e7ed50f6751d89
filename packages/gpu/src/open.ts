import { DeviceError } from "@roentgen/core";
import { castHalf } from "@roentgen/kernels";
import { probeBarriers } from "./barriers.ts";
import { Device, type DeviceOptions } from "./device.ts";
import type { DeviceInfo } from "./device-info.ts";
import { insidePasses } from "./timing.ts";

// The last two are not in the standard. Dawn offers the first of them in native mode, on adapters that have matrix units.
const subgroupMatrices = "chromium-experimental-subgroup-matrix" as GPUFeatureName;
const wantedFeatures = ["timestamp-query", "subgroups", "shader-f16", subgroupMatrices, insidePasses as GPUFeatureName] as const;

const wantedLimits = [
  "maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage", "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX", "maxComputeWorkgroupSizeY", "maxComputeWorkgroupSizeZ",
] as const;

const softwareNames = /llvmpipe|lavapipe|swiftshader|warp|basic render|software/i;

/** Makers of GPUs, as WebGPU names them. */
const gpuVendors = /^(nvidia|amd|intel|apple|arm|qualcomm|img-tec|broadcom|samsung)$/i;

/** What an adapter says of itself. */
export function describe(adapter: GPUAdapter, platform: DeviceInfo["platform"], toggles: readonly string[] = []): DeviceInfo {
  const { vendor, architecture, device, description, subgroupMinSize = 0, subgroupMaxSize = 0, isFallbackAdapter } = adapter.info;
  return {
    vendor, architecture, device, description, platform, toggles,
    software: isFallbackAdapter === true || [vendor, architecture, device, description].some((text) => softwareNames.test(text)),
    subgroupSize: adapter.features.has("subgroups") && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : 0,
    ...(adapter.features.has("subgroups") ? { subgroupMaxSize } : {}),
    ...matricesOf(adapter),
    features: [...adapter.features].sort(),
  };
}

/** Dawn's subgroup matrices, which are not in the standard: docs/dawn/features/subgroup_matrix.md in its sources. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function matricesOf({ info, features }: GPUAdapter): Pick<DeviceInfo, "matrixSizes"> {
  const configs: Iterable<MatrixConfig> = (info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> }).subgroupMatrixConfigs ?? [];
  if (!features.has(subgroupMatrices)) return {};
  return { matrixSizes: [...configs].filter(({ componentType, resultComponentType }) => componentType === "f16" && resultComponentType === "f32").map(({ M, N, K }) => [M, N, K]) };
}

/**
 * The features that kernels may use. wgpu (Firefox, Deno) offers shader-f16 but compiles no bitcast from or to f16, in which kernels read
 * and write it; what is stored in f16 is packed in pairs there, as without the feature.
 */
async function usable(gpu: GPUDevice, features: readonly string[]): Promise<readonly string[]> {
  if (!gpu.features.has("shader-f16")) return features;
  gpu.pushErrorScope("validation");
  const { messages } = await gpu.createShaderModule({ label: "f16 as our kernels use it", code: castHalf.toHalf.source }).getCompilationInfo();
  await gpu.popErrorScope();
  return messages.some(({ type }) => type === "error") ? features.filter((name) => name !== "shader-f16") : features;
}

/**
 * Opens a device with all the adapter offers of what we use. What no name tells to be a GPU is measured: software may call itself anything.
 *
 * @param optionsOf  of a GPU, or of software
 */
export async function openOn(adapter: GPUAdapter, info: DeviceInfo, optionsOf: (software: boolean) => DeviceOptions): Promise<Device> {
  const requiredFeatures = wantedFeatures.filter((f) => adapter.features.has(f));
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
  let gpu: GPUDevice;
  try {
    gpu = await adapter.requestDevice({ label: "roentgen", requiredFeatures, requiredLimits });
  } catch (error) {
    throw new DeviceError(`the adapter ${info.description || info.device} refused a device: ${error instanceof Error ? error.message : error}. \`roentgen doctor\` shows what it offers.`);
  }
  try {
    const known = { ...info, features: await usable(gpu, info.features) };
    const software = info.software || (!gpuVendors.test(info.vendor) && (await barriersCost(gpu, known)));
    return new Device(gpu, { ...known, software }, optionsOf(software));
  } catch (error) {
    gpu.destroy();
    throw error;
  }
}

async function barriersCost(gpu: GPUDevice, info: DeviceInfo): Promise<boolean> {
  const device = new Device(gpu, info);
  try {
    return (await probeBarriers(device)).costly;
  } finally {
    device.trim();
  }
}
