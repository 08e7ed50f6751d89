// Time per dispatch, from GPU timestamps: one pass for each dispatch, so that neighbours do not overlap. This is a run of its
// own; a plain `run` is never slowed by it.

import { DeviceError } from "@roentgen/core";
import type { Device } from "./device.ts";
import type { Plan } from "./plan.ts";

export interface DispatchTiming {
  readonly label: string;
  readonly kernel: string;
  readonly grid: readonly [number, number, number];
  /** Median over the repeats. */
  readonly timeMs: number;
  /** Start within the first repeat, from its first dispatch, for traces. */
  readonly startMs: number;
  readonly flops: number;
  /** Bytes of all buffers bound: a lower bound of the traffic, each counted once. */
  readonly bytes: number;
  readonly gflopPerSecond: number;
  readonly gigabytesPerSecond: number;
}

export interface Profile {
  readonly plan: string;
  readonly repeats: number;
  readonly dispatches: readonly DispatchTiming[];
  /** Sum of the medians. */
  readonly totalMs: number;
}

/** Query sets hold at most 4,096 timestamps. */
const mostPerSet = 2048;

/** Times every dispatch of a plan, `repeats` times over whatever its inputs hold now. Needs the `timestamp-query` feature. */
export async function profile(device: Device, plan: Plan, { repeats = 5 } = {}): Promise<Profile> {
  const { gpu } = device;
  if (!gpu?.features.has("timestamp-query")) {
    throw new DeviceError("profiling needs the timestamp-query feature, which this adapter does not offer. In Chromium, start with --enable-webgpu-developer-features.");
  }
  await plan.build();
  const samples: Float64Array[] = [];
  let starts = new Float64Array(plan.dispatches.length);
  for (let repeat = 0; repeat < repeats; repeat++) {
    const stamps = await stampedRun(device, gpu, plan);
    const zero = stamps[0] ?? 0n;
    samples.push(Float64Array.from(plan.dispatches, (_, i) => Number((stamps[2 * i + 1] ?? 0n) - (stamps[2 * i] ?? 0n)) / 1e6));
    if (repeat === 0) starts = Float64Array.from(plan.dispatches, (_, i) => Number((stamps[2 * i] ?? 0n) - zero) / 1e6);
  }
  const dispatches = plan.dispatches.map((d, i): DispatchTiming => {
    const timeMs = median(samples.map((s) => Math.max(0, s[i] ?? 0)));
    const bytes = d.buffers.reduce((sum, b) => sum + b.bytes, 0);
    const perSecond = (amount: number) => (timeMs > 0 ? amount / timeMs / 1e6 : 0);
    return { label: d.label, kernel: d.kernel.name, grid: d.grid, timeMs, startMs: starts[i] ?? 0, flops: d.flops, bytes, gflopPerSecond: perSecond(d.flops), gigabytesPerSecond: perSecond(bytes) };
  });
  return { plan: plan.label, repeats, dispatches, totalMs: dispatches.reduce((sum, d) => sum + d.timeMs, 0) };
}

async function stampedRun(device: Device, gpu: GPUDevice, plan: Plan): Promise<BigUint64Array> {
  const all = new BigUint64Array(2 * plan.dispatches.length);
  for (let from = 0; from < plan.dispatches.length; from += mostPerSet) {
    const to = Math.min(plan.dispatches.length, from + mostPerSet);
    const count = 2 * (to - from);
    const querySet = gpu.createQuerySet({ type: "timestamp", count });
    const resolved = gpu.createBuffer({ size: 8 * count, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const readable = gpu.createBuffer({ size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = gpu.createCommandEncoder({ label: "profile" });
    for (let i = from; i < to; i++) {
      const at = 2 * (i - from);
      const pass = encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } });
      plan.encode(pass, undefined, i, i + 1);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, 8 * count);
    gpu.queue.submit([encoder.finish()]);
    await device.wait(readable.mapAsync(GPUMapMode.READ));
    all.set(new BigUint64Array(readable.getMappedRange()), 2 * from);
    for (const made of [querySet, resolved, readable]) made.destroy();
  }
  device.check();
  return all;
}

const median = (values: number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};
