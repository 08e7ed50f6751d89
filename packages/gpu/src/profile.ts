// A profile of a plan: what each dispatch takes (timing.ts), what it computes and moves (traffic.ts), and what the whole takes when
// nobody looks: a plain run's encoding, submit and wait. Numbers only; what they mean is judged elsewhere.

import { Commands } from "./commands.ts";
import type { Device } from "./device.ts";
import type { MemoryMap } from "./memory-map.ts";
import type { Plan } from "./plan.ts";
import { carriedOf, timePlan, type TimingMethod, type TimingOptions } from "./timing.ts";
import { trafficOf } from "./traffic.ts";

export interface DispatchTiming {
  readonly label: string;
  readonly kernel: string;
  readonly grid: readonly [number, number, number];
  /** Of one execution in each repeat; their median, and the least and the most of them. */
  readonly samplesMs: readonly number[];
  readonly timeMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
  /** Start on a time line where the medians lie end to end, with the gaps of the first repeat between them. */
  readonly startMs: number;
  /** The host's part: when a plain run began to encode it, from that run's beginning, and for how long. */
  readonly encodeStartMs: number;
  readonly encodeMs: number;
  /** How often it ran in a row to be measurable. */
  readonly inARow: number;
  readonly flops: number;
  /** Bytes read and written: as the op says, else of every range bound, each once. */
  readonly bytes: number;
  /** The same with what may be updated in place counted twice; equal to `bytes` where the op says. */
  readonly mostBytes: number;
  /** Of what it reads as images, copied into textures before it: the time is in its own, the bytes are not. */
  readonly copiedBytes: number;
  /** WGSL extensions its kernel enables, such as f16. */
  readonly requires: readonly string[];
  readonly gflopPerSecond: number;
  readonly gigabytesPerSecond: number;
}

/** A run without timestamps, as any user's: medians. */
export interface PlainRun {
  /** Encoding all dispatches into one pass. */
  readonly encodeMs: number;
  readonly submitMs: number;
  /** From the beginning of encoding until the queue is idle. */
  readonly wallMs: number;
}

export interface Profile {
  readonly plan: string;
  readonly repeats: number;
  readonly method: TimingMethod;
  /** Step of the clock in nanoseconds, as observed. */
  readonly quantumNs: number;
  readonly dispatches: readonly DispatchTiming[];
  /** Sum of the medians. */
  readonly totalMs: number;
  /** Of the repeats, each with all its dispatches, the shortest and the longest. */
  readonly leastMs: number;
  readonly mostMs: number;
  /** With the least and the most that runs before and after the dispatches took. */
  readonly plain: PlainRun & { readonly leastMs: number; readonly mostMs: number };
  /** Runs of the plan that the profile amounts to, for what it leaves in memory. */
  readonly runs: number;
  readonly memory: MemoryMap & { readonly bytes: number; readonly peakLiveBytes: number };
}

/** Plain runs before the dispatches are timed, and as many after: they say whether the machine was the same all along. */
const mostPlainRuns = 3;

/** Profiles a plan. Throws DeviceError on a device without a GPU. */
export async function profile(device: Device, plan: Plan, options: TimingOptions = {}): Promise<Profile> {
  const repeats = Math.max(1, options.repeats ?? 5);
  await plan.build();
  const plainRuns: PlainRun[] = [];
  // The first one also says when the host encoded what; its own times are longer for it and are not kept.
  const encoded = await encodeRun(device, plan, options);
  const plainly = async () => {
    for (let i = 0; i < Math.min(repeats, mostPlainRuns); i++) plainRuns.push(await submitted(device, plan, options, (commands) => plan.encode(commands)));
  };
  await plainly();
  const timing = await timePlan(device, plan, { ...options, repeats });
  await plainly();
  const carried = carriedOf(plan);
  let clock = 0;
  const dispatches = plan.dispatches.map((d, i): DispatchTiming => {
    const times = timing.samples.map((sample) => sample[i] ?? 0);
    const timeMs = median(times);
    const startMs = clock + (timing.gaps[i] ?? 0);
    clock = startMs + timeMs;
    const { bytes, mostBytes } = trafficOf(d, carried[i] ?? []);
    const perSecond = (amount: number) => (timeMs > 0 ? amount / timeMs / 1e6 : 0);
    return {
      label: d.label, kernel: d.kernel.name, grid: d.grid, samplesMs: times, timeMs, leastMs: Math.min(...times), mostMs: Math.max(...times), startMs,
      encodeStartMs: encoded.starts[i] ?? 0, encodeMs: encoded.times[i] ?? 0, inARow: timing.counts[i] ?? 1,
      flops: d.flops, bytes, mostBytes, copiedBytes: plan.copiedBefore(i), requires: d.kernel.requires, gflopPerSecond: perSecond(d.flops), gigabytesPerSecond: perSecond(bytes),
    };
  });
  const walls = plainRuns.map((r) => r.wallMs);
  const plain = { encodeMs: median(plainRuns.map((r) => r.encodeMs)), submitMs: median(plainRuns.map((r) => r.submitMs)), wallMs: median(walls), ...spread(walls) };
  return {
    plan: plan.label, repeats, method: timing.method, quantumNs: timing.quantumNs, dispatches, totalMs: dispatches.reduce((sum, d) => sum + d.timeMs, 0),
    ...spread(totals(dispatches)),
    plain, runs: 1 + plainRuns.length + timing.runs, memory: { ...plan.memoryMap(), bytes: plan.bytes, peakLiveBytes: plan.peakLiveBytes },
  };
}

/** One run, with the host's clock read around each dispatch. */
async function encodeRun(device: Device, plan: Plan, options: TimingOptions): Promise<{ starts: Float64Array; times: Float64Array }> {
  const starts = new Float64Array(plan.dispatches.length);
  const times = new Float64Array(plan.dispatches.length);
  await submitted(device, plan, options, (commands) => {
    const began = performance.now();
    for (let i = 0; i < plan.dispatches.length; i++) {
      const at = performance.now();
      plan.encode(commands, undefined, i, i + 1);
      starts[i] = at - began;
      times[i] = performance.now() - at;
    }
  });
  return { starts, times };
}

async function submitted(device: Device, plan: Plan, { inputs = [] }: TimingOptions, encode: (commands: Commands) => void): Promise<PlainRun> {
  const { gpu } = device;
  if (!gpu) throw new Error("internal: a plan was built without a GPU.");
  plan.writeInputs(inputs);
  await device.idle();
  const began = performance.now();
  const commands = new Commands(gpu.createCommandEncoder());
  encode(commands);
  const finished = commands.finish();
  const encoded = performance.now();
  gpu.queue.submit([finished]);
  const submitted = performance.now();
  await device.wait(gpu.queue.onSubmittedWorkDone());
  return { encodeMs: encoded - began, submitMs: submitted - encoded, wallMs: performance.now() - began };
}

/** What dispatches took together, repeat by repeat. */
export const totals = (dispatches: readonly Pick<DispatchTiming, "samplesMs">[]): number[] =>
  (dispatches[0]?.samplesMs ?? []).map((_, repeat) => dispatches.reduce((sum, { samplesMs }) => sum + (samplesMs[repeat] ?? 0), 0));

export const spread = (values: readonly number[]): { leastMs: number; mostMs: number } => (values.length ? { leastMs: Math.min(...values), mostMs: Math.max(...values) } : { leastMs: 0, mostMs: 0 });

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};
