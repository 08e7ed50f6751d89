// A browser's `navigator.gpu` in Node, for libraries written for tabs: the same Dawn, driver and adapter as ours, and the same
// quiet waiting.

import { nativeToggles } from "@roentgen/gpu/node";
import { create, globals } from "webgpu";

// The toggles that @roentgen/gpu opens Dawn with, so that its checks cost all sides the same.
const enable = process.env.ROENTGEN_NATIVE === "1" ? nativeToggles.enable : [];
const disable = ["timestamp_quantization", ...(process.env.ROENTGEN_NATIVE === "1" ? nativeToggles.disable : [])];
export const toggles: readonly string[] = [...disable.map((toggle) => `-${toggle}`), ...enable];

// Dawn's GPU object must outlive every device: collected early, the process aborts.
const gpu = create([`enable-dawn-features=${enable.join(",")}`, `disable-dawn-features=${disable.join(",")}`]);

/** Makes the globals that a library looks for when it is imported. Call it before. */
export function pretendToBeABrowser(): void {
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "node", hardwareConcurrency: 2 }, configurable: true });
  // tfjs asks `self instanceof WorkerGlobalScope`.
  Object.defineProperty(globalThis, "WorkerGlobalScope", { value: class {}, configurable: true });
}

/** The adapter's name, as our device has it. */
export async function adapterName(): Promise<string> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("no WebGPU adapter found.");
  return adapter.info.description || adapter.info.device;
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Waits with the main thread asleep for a millisecond a turn, as @roentgen/gpu does on a software driver: Dawn polls on this
 * thread while work is pending, and plain polling costs a library 1.4 to 2 times.
 */
export async function quietly<T>(promise: Promise<T>): Promise<T> {
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

/** Makes validation errors of a library's device visible: what it computes after one is worth nothing. Returns the check. */
export function watch(device: GPUDevice): () => void {
  let complaint: string | null = null;
  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    complaint ??= (event as GPUUncapturedErrorEvent).error.message;
  });
  return () => {
    if (complaint !== null) throw new Error(`its device reported: ${complaint}`);
  };
}
