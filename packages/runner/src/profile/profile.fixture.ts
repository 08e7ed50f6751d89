// A profile small enough to work out by hand: a device of 100 GFLOP/s and 10 GB/s whose empty dispatch takes 0.1 ms.

import type { DispatchTiming, Profile, RepeatedCeilings } from "@roentgen/gpu";
import { type AboutProfile, profileReport, type ProfileReport } from "./profile-report.ts";

export const ceilings: RepeatedCeilings = {
  gflopPerSecond: 100, halfGflopPerSecond: 200, gigabytesPerSecond: 10, cachedGigabytesPerSecond: 20, launchMs: 0.1,
  samples: { f32: [{ amount: 1e9, timeMs: 10, perSecond: 1e11 }], f16: [{ amount: 1e9, timeMs: 5, perSecond: 2e11 }], copy: [{ amount: 2 ** 20, timeMs: 0.1, perSecond: 2e10 }, { amount: 2 ** 27, timeMs: 27, perSecond: 1e10 }] },
  rounds: [],
  doubts: [],
};

export const timing = (label: string, timeMs: number, flops: number, bytes: number, more: Partial<DispatchTiming> = {}): DispatchTiming => ({
  label, kernel: label.split(" ").at(-1) ?? "", grid: [512, 2, 1], samplesMs: [timeMs], timeMs, leastMs: timeMs, mostMs: timeMs, startMs: 0, encodeStartMs: 0, encodeMs: 0.002, inARow: 1, flops, bytes, mostBytes: bytes, copiedBytes: 0, requires: [],
  gflopPerSecond: flops / timeMs / 1e6, gigabytesPerSecond: bytes / timeMs / 1e6, ...more,
});

/** A dispatch that took so long, and so long in each repeat. */
export const sampled = (dispatch: DispatchTiming, timeMs: number, samplesMs: readonly number[] = [timeMs]): DispatchTiming =>
  ({ ...dispatch, timeMs, samplesMs, leastMs: Math.min(...samplesMs), mostMs: Math.max(...samplesMs) });

/** Laid end to end with 0.05 ms between, encoded at 0.003 ms each. */
export const dispatches: readonly DispatchTiming[] = [
  timing("layer1.0.conv1 conv2d conv2d.lanes.forward", 2, 1e8, 2e6), // 1 ms of arithmetic: half its roof
  timing("layer1.0.bn1 batchNorm batch-norm.normalise", 1, 1e6, 8e6), // 0.8 ms of memory
  timing("fc linear matmul.forward", 4, 4e7, 1e6), // 0.4 ms of arithmetic: a tenth
  timing("crossEntropy cross-entropy.forward", 0.2, 100, 400), // a launch
  timing("layer1.0.conv1 conv2d grad conv2d.lanes.backward_x", 2.5, 1e8, 3e6), // 1 ms
  timing("layer1.0.conv1 conv2d grad sum-slices.forward", 0.3, 0, 1e6, { grid: [4, 1, 1] }),
  timing("optimizer optimizer.adam", 3, 1e6, 9e6),
].reduce<DispatchTiming[]>((laid, d, i) => [...laid, { ...d, startMs: (laid.at(-1)?.startMs ?? 0) + (laid.at(-1)?.timeMs ?? 0) + (i > 0 ? 0.05 : 0), encodeStartMs: 0.003 * i }], []);

export const profile: Profile = {
  plan: "train", repeats: 5, method: "pass", quantumNs: 1, dispatches, totalMs: 13, leastMs: 13, mostMs: 13, plain: { encodeMs: 0.02, submitMs: 0.03, wallMs: 13.5, leastMs: 13.5, mostMs: 13.5 }, runs: 9,
  memory: {
    bytes: 6 * 2 ** 20, peakLiveBytes: 5 * 2 ** 20, slots: [{ bytes: 2 * 2 ** 20 }, { bytes: 3 * 2 ** 20 }], persistent: [{ label: "weights", bytes: 2 ** 20 }],
    tenants: [
      { label: "train input 0", bytes: 2 * 2 ** 20, slot: 0, first: -1, last: 0 }, { label: "layer1.0.bn1 y", bytes: 2 ** 20, slot: 0, first: 1, last: 4 }, { label: "layer1.0.conv1 y", bytes: 3 * 2 ** 20, slot: 1, first: 0, last: 7 },
    ],
  },
};

/** The profile where all dispatches take so long together, and so long in the repeats. */
export const taking = (totalMs: number, leastMs = totalMs, mostMs = totalMs): Profile => ({ ...profile, totalMs, leastMs, mostMs });

/** The profile whose plain runs take so long. */
export const plainly = (wallMs: number, leastMs = wallMs, mostMs = wallMs, host: Partial<Profile["plain"]> = {}): Profile =>
  ({ ...profile, plain: { ...profile.plain, wallMs, leastMs, mostMs, ...host } });

export const adapter = { vendor: "mesa", architecture: "", device: "llvmpipe", description: "llvmpipe <16>", software: true, toggles: ["-timestamp_quantization"], platform: "node" } as const;

export const report = (of: Profile = profile, more: Partial<Pick<AboutProfile, "choice" | "machine">> = {}): ProfileReport =>
  profileReport(of, ceilings, { roentgen: "0.1.0", runtime: "Node v20", adapter, workload: { model: "resnet18", train: true, batch: 4, size: 64 }, choice: { shapes: 3, tuned: {}, date: null }, ...more });
