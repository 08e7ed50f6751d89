import { totalmem } from "node:os";
import { ConfigError, DeviceError } from "@roentgen/core";
import { create, globals } from "webgpu";
import type { Device } from "./device.ts";
import type { DeviceInfo } from "./device-info.ts";
import { describe, openOn } from "./open.ts";

export interface NodeOptions {
  /** Choose the adapter whose name contains this text. Default: the driver's first choice. */
  readonly adapter?: string | undefined;
  /** Refuse to hold more. Default: nine tenths of the machine's memory on a software driver, which has no limit of its own. */
  readonly budgetBytes?: number | undefined;
  /**
   * Leaves out what Dawn does for untrusted pages and we have tests for: see `nativeToggles`. Same bits, less work; an error of ours
   * is then the driver's to find, or nobody's. Default: whether ROENTGEN_NATIVE is 1 in the environment. Every report names the toggles.
   */
  readonly native?: boolean | undefined;
  /** More Dawn toggles to enable. Dawn ignores names that it does not know. */
  readonly toggles?: readonly string[];
}

/** What `native` turns on and off. Timestamps are rounded to 65 µs for web pages; in Node they never are. */
export const nativeToggles = {
  enable: [
    "skip_validation", // commands are not checked before they are encoded
    "disable_robustness", // no clamping of indices in shaders
    "disable_workgroup_init", // workgroup memory is not zeroed
    "vulkan_enable_f16_on_nvidia", // shader-f16 where Dawn distrusts the driver
    "allow_unsafe_apis", // features not yet in the standard, such as subgroup matrices
  ],
  disable: ["lazy_clear_resource_on_first_use"], // buffers are not zeroed before their first use
} as const;

// Dawn's GPU object must outlive every device: collected early, the process aborts.
const alive = new Set<unknown>();

function gpuWith(enable: readonly string[], disable: readonly string[]): GPU {
  Object.assign(globalThis, globals);
  const gpu = create([`enable-dawn-features=${enable.join(",")}`, `disable-dawn-features=${disable.join(",")}`]);
  alive.add(gpu);
  return gpu;
}

async function findAdapter({ adapter: name, native = process.env.ROENTGEN_NATIVE === "1", toggles = [] }: NodeOptions): Promise<{ gpu: GPU; adapter: GPUAdapter; info: DeviceInfo }> {
  const enable = [...(native ? nativeToggles.enable : []), ...toggles];
  const disable = ["timestamp_quantization", ...(native ? nativeToggles.disable : [])];
  const gpu = gpuWith(enable, disable);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new DeviceError("no WebGPU adapter found. Node needs a Vulkan, Metal or D3D12 driver; a software one (Mesa's lavapipe, version 25 or later) is enough for tests. `npm start` installs it on Debian; `roentgen doctor` says what is missing.");
  }
  const info = describe(adapter, "node", [...disable.map((toggle) => `-${toggle}`), ...enable]);
  const names = [info.vendor, info.architecture, info.device, info.description].join(" ");
  if (name && !names.toLowerCase().includes(name.toLowerCase())) {
    throw new ConfigError(`no adapter named "${name}": the driver offers ${names}. Set VK_DRIVER_FILES to choose another Vulkan driver.`);
  }
  return { gpu, adapter, info };
}

/** The adapter's facts without opening a device on it: `software` as its name tells, where a device would measure. Throws DeviceError if there is none. */
export async function adapterInfo(options: NodeOptions = {}): Promise<DeviceInfo & { limits: Record<string, number> }> {
  const { gpu, adapter, info } = await findAdapter(options);
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") limits[name] = value;
  }
  alive.delete(gpu);
  return { ...info, limits };
}

/** Opens the GPU through Dawn. Throws DeviceError if there is none. The process lives until `close()`. */
export async function openDevice(options: NodeOptions = {}): Promise<Device> {
  const { gpu, adapter, info } = await findAdapter(options);
  return openOn(adapter, info, (software) => {
    const budgetBytes = options.budgetBytes ?? (software ? 0.9 * totalmem() : undefined);
    return {
      ...(budgetBytes === undefined ? {} : { budgetBytes }),
      ...(software ? { wait: waitQuietly } : {}),
      onClose: () => setTimeout(() => alive.delete(gpu), 0),
    };
  }).catch((error: unknown) => {
    alive.delete(gpu);
    throw error;
  });
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Waits with the main thread asleep for a millisecond a turn. While work is pending Dawn polls on the main thread; a software
 * driver computes on the same cores, and gets 1.4 to 2 times more of them this way (bench/README.md).
 */
async function waitQuietly<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const turn = () => {
    if (settled) return;
    Atomics.wait(cell, 0, 0, 1);
    setImmediate(turn);
  };
  setImmediate(turn);
  try {
    return await promise;
  } finally {
    settled = true;
  }
}
