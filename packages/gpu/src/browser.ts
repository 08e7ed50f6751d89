import { DeviceError } from "@roentgen/core";
import type { Device } from "./device.ts";
import { describe, openOn } from "./open.ts";

export interface BrowserOptions {
  readonly budgetBytes?: number;
}

/** Opens the browser's WebGPU, in a page or a worker. Throws DeviceError with what to enable where it is missing. */
export async function openDevice(options: BrowserOptions = {}): Promise<Device> {
  if (!("gpu" in navigator) || !navigator.gpu) {
    throw new DeviceError("this browser has no WebGPU here. Use Chrome or Edge 113+, Safari 26+ or Firefox 141+, over https or localhost; on Linux, Chrome needs chrome://flags/#enable-unsafe-webgpu, Firefox dom.webgpu.enabled in about:config, and both a Vulkan driver.");
  }
  // Firefox 140 and before have the interface and refuse to use it.
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }).catch((error: unknown) => {
    throw new DeviceError(`this browser keeps its WebGPU to itself (${error instanceof Error ? error.message : error}). Use Chrome or Edge 113+, Safari 26+ or Firefox 141+.`);
  });
  if (!adapter) {
    throw new DeviceError("this browser has WebGPU but found no adapter for it. Turn on hardware acceleration, update the graphics driver, or start Chrome with --enable-unsafe-webgpu.");
  }
  return openOn(adapter, describe(adapter, "browser"), () => options);
}
