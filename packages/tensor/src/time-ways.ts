// How long each of several ways to compute one thing takes, side by side, by the host's clock: with what a dispatch costs around its
// kernel, as in a step.

import { OutOfMemoryError, ShaderError } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import type { OpenTask } from "./choice.ts";
import { record, type Step } from "./record.ts";
import type { Tensor } from "./tensor.ts";

export type Way = OpenTask["ways"][number];

const rounds = 5;

/** A row of runs is timed as one and takes this long at least: that the queue is idle is noticed up to a millisecond late. */
const leastRowMs = 10;
const mostRuns = 4096;

/** Computations in a plan: enough that submitting it does not count, few enough to build quickly. */
const mostInAPlan = 64;

/** Computations shorter than this are timed twice before they may be called hopeless: something else may have had the processor. */
const shortMs = 50;

/**
 * Sets of inputs that computations in a plan take in turn where kernels may read copies of them: two copies are kept, so that each has to
 * be made again, as in a step.
 */
const setsInTurn = 3;

/** `times` computations, one after the other, as a plan of their own. */
function planOf(device: Device, key: string, { name, compute }: Way, sets: readonly (readonly Tensor[])[], times: number): Step<Tensor> {
  return record(device, `tuning ${name} ${key}`, () => {
    let y: Tensor | null = null;
    for (let i = 0; i < times; i++) y = compute(...(sets[i % sets.length] ?? []));
    if (!y) throw new Error("internal: a plan of no computation.");
    return y;
  }, []);
}

/** The value, and the time of a second computation: the first may still compile. */
export async function once(device: Device, key: string, way: Way, inputs: readonly Tensor[]): Promise<{ value: Float32Array; firstMs: number }> {
  const step = planOf(device, key, way, [inputs], 1);
  try {
    await step.build();
    const value = await step.run().floats();
    const firstMs = await timeOf(device, step, 1);
    return { value, firstMs: firstMs < shortMs ? Math.min(firstMs, await timeOf(device, step, 1)) : firstMs };
  } finally {
    step.dispose();
  }
}

/** What `work` returns, or in words why the device refuses it. Throws all else, and where the device itself has failed. */
export async function unlessRefused<T>(device: Device, work: () => Promise<T>): Promise<T | { refusal: string; short: boolean }> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ShaderError || error instanceof OutOfMemoryError)) throw error;
    await device.idle();
    return { refusal: error.message, short: error instanceof OutOfMemoryError };
  }
}

export interface Times {
  readonly timeMs: number;
  readonly leastMs: number;
}

/**
 * Median and least time of one computation of each way; null for one whose memory is not there beside the others'. Rounds alternate between the
 * ways, so that a drift of the machine meets them all.
 *
 * @param firstMs   about how long a computation takes
 * @param made      more inputs like these
 * @param budgetMs  of sampling for each way; where it is too short for the clock, more is taken
 */
export async function sideBySide(
  device: Device, key: string, ways: readonly { readonly way: Way; readonly firstMs: number }[],
  { inputs, made }: { readonly inputs: readonly Tensor[]; readonly made: () => readonly Tensor[] }, budgetMs: number,
): Promise<(Times | null)[]> {
  const rowMs = Math.max(leastRowMs, budgetMs / rounds);
  const areCopied = device.info.software && ways.every(({ firstMs }) => firstMs < shortMs);
  const sets = [inputs];
  while (areCopied && sets.length < setsInTurn) {
    const more = await unlessRefused(device, async () => made());
    if ("refusal" in more) break;
    sets.push(more);
  }
  const plans = ways.map(({ way, firstMs }) => {
    const times = sets.length * Math.max(1, Math.floor(Math.min(mostInAPlan, rowMs / firstMs) / sets.length));
    return { step: planOf(device, key, way, sets, times), times, runs: 1, samples: [] as number[] };
  });
  try {
    const fitting: typeof plans = [];
    for (const plan of plans) {
      const warmUp = await unlessRefused(device, async () => {
        await plan.step.build();
        plan.runs = await runsFor(device, plan.step, rowMs);
      });
      if (!warmUp) fitting.push(plan);
    }
    for (let round = 0; round < rounds; round++) {
      // Another comes first each time: who follows a long row of the slowest finds other caches.
      const first = round % Math.max(1, fitting.length);
      for (const { step, times, runs, samples } of [...fitting.slice(first), ...fitting.slice(0, first)]) samples.push((await timeOf(device, step, runs)) / (runs * times));
    }
  } finally {
    for (const { step } of plans) step.dispose();
    for (const input of sets.slice(1).flat()) input.dispose();
  }
  return plans.map(({ samples }) => {
    const sorted = [...samples].sort((a, b) => a - b);
    const [leastMs, timeMs] = [sorted[0], sorted[rounds >> 1]];
    return leastMs === undefined || timeMs === undefined ? null : { timeMs, leastMs };
  });
}

/** How many runs make a row of about that long. */
async function runsFor(device: Device, step: Step<Tensor>, rowMs: number): Promise<number> {
  let runs = 1;
  // The lesser of two, for a first run finds everything cold, and by steps, for of few runs much of the time is waiting.
  const row = async () => Math.min(await timeOf(device, step, runs), await timeOf(device, step, runs));
  for (let ms = await row(); ms < 0.7 * rowMs && runs < mostRuns; ms = await row()) runs = Math.min(mostRuns, Math.ceil(runs * Math.min(8, (1.1 * rowMs) / ms)));
  return runs;
}

async function timeOf(device: Device, step: Step<Tensor>, runs: number): Promise<number> {
  await device.idle();
  const begin = performance.now();
  for (let i = 0; i < runs; i++) step.run();
  await device.idle();
  return performance.now() - begin;
}
