// What a device can do at its best, through this driver: multiply-adds that touch no memory, copies larger than its caches, and a
// dispatch with nothing in it. A profile is judged against these three. Measured as a profile is, in a second or two; each over
// growing sizes, so that a figure that cannot be true shows itself.

import { ceiling, ceilingHalf, fill, type Kernel, type ParamValues } from "@roentgen/kernels";
import { Buffer } from "./buffer.ts";
import type { Device, LaunchOptions } from "./device.ts";
import { flatGrid, type Grid } from "./dispatch.ts";
import { Plan } from "./plan.ts";
import { timePlan } from "./timing.ts";

/** One size of a measurement. */
export interface CeilingSample {
  /** Operations, or bytes of one of the two buffers. */
  readonly amount: number;
  readonly timeMs: number;
  readonly perSecond: number;
}

/** What a device reaches at its best. */
export interface CeilingFigures {
  /** Multiply-adds in f32, two operations each, in 10^9 a second. */
  readonly gflopPerSecond: number;
  /** The same in f16; null without shader-f16. */
  readonly halfGflopPerSecond: number | null;
  /** Read and written together by the largest copy, in 10^9 a second: memory, not caches. */
  readonly gigabytesPerSecond: number;
  /** The best of the smaller copies, which caches help. */
  readonly cachedGigabytesPerSecond: number;
  /** What a dispatch costs that does nothing. */
  readonly launchMs: number;
}

export interface Ceilings extends CeilingFigures {
  readonly samples: { readonly f32: readonly CeilingSample[]; readonly f16: readonly CeilingSample[]; readonly copy: readonly CeilingSample[] };
  /** What is implausible among the samples, in words. */
  readonly doubts: readonly string[];
}

/** The best of several measurements. */
export interface RepeatedCeilings extends Ceilings {
  /** What each of them found, in their order: where nothing else runs they agree. */
  readonly rounds: readonly CeilingFigures[];
}

/** Operations of one invocation in a round of each kernel: 32 chains, of four or two steps. */
const opsPerRound = { f32: 2 * 32 * 4, f16: 2 * 32 * 2 } as const;

const mebibyte = 2 ** 20;
/** The largest is beyond every cache known, where the device binds that much and is quick enough for it. */
const copySizes = [1, 4, 16, 64, 256].map((n) => n * mebibyte);
/** Longer copies are left out; and copies smaller than this say little about memory. */
const mostCopyMs = 200;
const leastCopyBytes = 64 * mebibyte;

/** Measures a device's ceilings; the best of five repeats, since a ceiling is not an average. */
export async function measureCeilings(device: Device): Promise<Ceilings> {
  const f32 = await multiplyAdds(device, ceiling.multiplyAdd, opsPerRound.f32);
  const f16 = device.gpu?.features.has("shader-f16") ? await multiplyAdds(device, ceilingHalf.multiplyAdd, opsPerRound.f16) : [];
  const copies = await copied(device);
  const launchMs = await empty(device);
  device.trim();
  return ceilingsOf({ f32, f16, copy: copies }, launchMs);
}

const ceilingsOf = (samples: Ceilings["samples"], launchMs: number): Ceilings => ({
  gflopPerSecond: best(samples.f32) / 1e9,
  halfGflopPerSecond: samples.f16.length > 0 ? best(samples.f16) / 1e9 : null,
  gigabytesPerSecond: (samples.copy.at(-1)?.perSecond ?? 0) / 1e9,
  cachedGigabytesPerSecond: best(samples.copy) / 1e9,
  launchMs,
  samples,
  doubts: [...doubtsOf("f32 multiply-add", samples.f32), ...doubtsOf("f16 multiply-add", samples.f16), ...doubtsOf("copy", samples.copy), ...smallCopy(samples.copy.at(-1)?.amount ?? 0)],
});

/** The best of each figure over several measurements, since other work on the machine only ever takes away. Doubts say where they disagree. */
export function bestCeilings(measured: readonly Ceilings[]): RepeatedCeilings {
  const fastest = (of: (samples: Ceilings["samples"]) => readonly CeilingSample[]) => measured.map(({ samples }) => of(samples)).reduce((a, b) => (best(b) > best(a) ? b : a));
  const sizes = new Map<number, CeilingSample>();
  for (const sample of measured.flatMap(({ samples }) => samples.copy)) if (sample.perSecond >= (sizes.get(sample.amount)?.perSecond ?? 0)) sizes.set(sample.amount, sample);
  const samples = { f32: fastest((s) => s.f32), f16: fastest((s) => s.f16), copy: [...sizes.values()].sort((a, b) => a.amount - b.amount) };
  const found = ceilingsOf(samples, Math.min(...measured.map((c) => c.launchMs)));
  const rounds = measured.map(({ samples: _, doubts: __, ...figures }): CeilingFigures => figures);
  return { ...found, rounds, doubts: [...found.doubts, ...disagreements(rounds)] };
}

/** Figures further apart than this share are doubted. */
const apart = 0.15;

function disagreements(rounds: readonly CeilingFigures[]): string[] {
  const differ = (what: string, unit: string, digits: number, of: (figures: CeilingFigures) => number | null) => {
    const found = rounds.map(of).filter((figure) => figure !== null);
    return Math.max(...found) > (1 + apart) * Math.min(...found) ? [`${what}: ${found.map((figure) => figure.toFixed(digits)).join(", then ")} ${unit}`] : [];
  };
  return [
    ...differ("f32 multiply-add", "GFLOP/s", 1, (c) => c.gflopPerSecond), ...differ("f16 multiply-add", "GFLOP/s", 1, (c) => c.halfGflopPerSecond),
    ...differ("copy", "GB/s", 1, (c) => c.gigabytesPerSecond), ...differ("empty dispatch", "ms", 4, (c) => c.launchMs),
  ];
}

const best = (samples: readonly CeilingSample[]): number => Math.max(0, ...samples.map((s) => s.perSecond));

const smallCopy = (bytes: number): string[] => (bytes < leastCopyBytes ? [`copy: this device is too slow for more than ${bytes / mebibyte} MiB at once, which caches may hold`] : []);

/** Why a row of growing measurements cannot be believed: more work in less time, or a time of nothing. */
export function doubtsOf(what: string, samples: readonly CeilingSample[]): string[] {
  const doubts: string[] = [];
  for (const [i, { amount, timeMs }] of samples.entries()) {
    const before = samples[i - 1];
    if (timeMs <= 0) doubts.push(`${what}: ${amount.toExponential(1)} took no time by this clock`);
    else if (before && timeMs < 0.9 * before.timeMs) doubts.push(`${what}: ${amount.toExponential(1)} took less time (${timeMs.toFixed(3)} ms) than ${before.amount.toExponential(1)} (${before.timeMs.toFixed(3)} ms)`);
  }
  return doubts;
}

async function multiplyAdds(device: Device, kernel: Kernel<"sink", { rounds: number; factor: number; term: number }, "WORKGROUP">, perRound: number): Promise<CeilingSample[]> {
  const groups = device.info.software ? 256 : 16_384;
  const lanes = groups * kernel.overrides.WORKGROUP;
  const sink = device.allocPersistent(4 * lanes, "ceiling");
  const measure = (rounds: readonly number[]) =>
    timed(device, rounds.map((n) => ({ kernel, buffers: { sink }, params: { rounds: n, factor: 0.999, term: 0.001 }, grid: [groups, 1, 1], amount: n * lanes * perRound })));
  try {
    // Long enough that clocks have risen and edges do not count.
    const target = device.info.software ? 12 : 6;
    let rounds = 1;
    for (let tries = 0; tries < 6; tries++) {
      const ms = (await measure([rounds]))[0]?.timeMs ?? 0;
      if (ms > 0.5 * target) break;
      rounds = Math.min(2 ** 20, Math.ceil(rounds * Math.min(32, Math.max(2, target / Math.max(ms, 1e-3)))));
    }
    return await measure([rounds / 4, rounds / 2, rounds].map((n) => Math.max(1, Math.round(n))));
  } finally {
    device.dispose(sink);
  }
}

async function copied(device: Device): Promise<CeilingSample[]> {
  // Processors want few groups with long loops, GPUs many with short ones.
  const { software } = device.info;
  const [lanes, rounds] = software ? [8, 256] : [256, 8];
  const most = Math.min(Math.floor(device.maxBindingBytes / mebibyte) * mebibyte, (software ? 128 : 256) * mebibyte);
  const samples: CeilingSample[] = [];
  for (const bytes of [...copySizes.filter((size) => size < most), most]) {
    const last = samples.at(-1);
    if (last && last.timeMs * (bytes / last.amount) > mostCopyMs) break;
    const [source, copied] = ["from", "to"].map((name) => device.allocPersistent(bytes, `ceiling copy ${name}`)) as [Buffer, Buffer];
    try {
      const [sample] = await timed(device, [{ kernel: ceiling.stream, buffers: { source, copied }, params: { rounds, factor: 0, term: 0 }, grid: flatGrid(bytes / 16, lanes * rounds), overrides: { WORKGROUP: lanes }, amount: bytes }]);
      // Read and written.
      if (sample) samples.push({ ...sample, perSecond: 2 * sample.perSecond });
    } finally {
      device.dispose(source);
      device.dispose(copied);
      device.trim();
    }
  }
  return samples;
}

async function empty(device: Device): Promise<number> {
  const y = device.allocPersistent(4, "ceiling launch");
  try {
    const samples = await timed(device, Array.from({ length: 16 }, () => ({ kernel: fill.forward, buffers: { y }, params: { n: 1, value: 0 }, grid: [1, 1, 1], amount: 1 })));
    return [...samples].sort((a, b) => a.timeMs - b.timeMs)[8]?.timeMs ?? 0;
  } finally {
    device.dispose(y);
  }
}

interface Launch<B extends string, P extends ParamValues, O extends string> {
  readonly kernel: Kernel<B, P, O>;
  readonly buffers: Readonly<Record<B, Buffer>>;
  readonly params: P;
  readonly grid: Grid;
  readonly overrides?: LaunchOptions<O>["overrides"];
  readonly amount: number;
}

/** Launches as a plan of their own, each with the least of its times: other work on the machine only ever adds. The first repeat warms up. */
async function timed<B extends string, P extends ParamValues, O extends string>(device: Device, launches: readonly Launch<B, P, O>[]): Promise<CeilingSample[]> {
  const plan = new Plan(device, device.record("ceilings", [], () => {
    for (const { kernel, buffers, params, grid, overrides } of launches) device.dispatch(kernel, buffers, params, grid, overrides ? { overrides } : {});
  }));
  try {
    const { samples } = await timePlan(device, plan, { repeats: 6 });
    return launches.map(({ amount }, i) => {
      const timeMs = Math.min(...samples.slice(1).map((sample) => sample[i] ?? 0));
      return { amount, timeMs, perSecond: timeMs > 0 ? (1000 * amount) / timeMs : 0 };
    });
  } finally {
    plan.dispose();
  }
}
