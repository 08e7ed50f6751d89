import { totalmem } from "node:os";
import { DeviceError } from "@roentgen/core";
import { create, globals } from "webgpu";
import type { Device, DeviceInfo } from "./device.ts";
import { describe, openOn } from "./open.ts";

export interface NodeOptions {
  /** Choose the adapter whose name contains this text. Default: the driver's first choice. */
  readonly adapter?: string;
  /** Refuse to hold more. Default: nine tenths of the machine's memory on a software driver, which has no limit of its own. */
  readonly budgetBytes?: number;
  /** Dawn toggles to enable, such as `skip_validation`. Every report names them. */
  readonly toggles?: readonly string[];
}

// Dawn's GPU object must outlive every device: collected early, the process aborts.
const alive = new Set<unknown>();

function gpuWith(toggles: readonly string[]): GPU {
  Object.assign(globalThis, globals);
  // Timestamps are rounded to 65 µs for web pages; a profiler in Node has no such need.
  const flags = ["disable-dawn-features=timestamp_quantization"];
  if (toggles.length) flags.push(`enable-dawn-features=${toggles.join(",")}`);
  const gpu = create(flags);
  alive.add(gpu);
  return gpu;
}

async function findAdapter({ adapter: name, toggles = [] }: NodeOptions): Promise<{ gpu: GPU; adapter: GPUAdapter; info: DeviceInfo }> {
  const gpu = gpuWith(toggles);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new DeviceError("no WebGPU adapter found. Node needs a Vulkan, Metal or D3D12 driver; a software one (Mesa's lavapipe, version 25 or later) is enough for tests. `npm start` installs it on Debian; `roentgen doctor` says what is missing.");
  }
  const info = describe(adapter, "node", ["-timestamp_quantization", ...toggles]);
  const names = [info.vendor, info.architecture, info.device, info.description].join(" ");
  if (name && !names.toLowerCase().includes(name.toLowerCase())) {
    throw new DeviceError(`no adapter named "${name}": the driver offers ${names}. Set VK_DRIVER_FILES to choose another Vulkan driver.`);
  }
  return { gpu, adapter, info };
}

/** The adapter's facts without opening a device on it. Throws DeviceError if there is none. */
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
  const budgetBytes = options.budgetBytes ?? (info.software ? 0.9 * totalmem() : undefined);
  return openOn(adapter, info, {
    ...(budgetBytes === undefined ? {} : { budgetBytes }),
    ...(info.software ? { wait: waitQuietly } : {}),
    onClose: () => setTimeout(() => alive.delete(gpu), 0),
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
