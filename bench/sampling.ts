// How every engine that runs in JavaScript is timed: benchmark.js, deferred, after runs that warm caches and compile.

import Benchmark from "benchmark";

export interface SamplingOptions {
  /** At least so long, unless `minSamples` take longer. */
  readonly budgetSeconds: number;
  readonly minSamples?: number;
  readonly warmUp?: number;
}

/**
 * Two repetitions that are longer than this are timed and no more, by hand: benchmark.js would run them at least `minSamples` + 1
 * times. One may have been the machine's.
 */
const slowMs = 4000;

export interface Sampled {
  /** Milliseconds of a repetition, many times. */
  readonly ms: readonly number[];
  /**
   * Milliseconds of processor time that a repetition takes, over all threads of the process, a software driver's too. Busy neighbours
   * hardly change it. NaN where `run` timed a part of itself.
   */
  readonly cpuMs: number;
}

/**
 * Times a repetition. `run` ends when the GPU is idle; it returns milliseconds if it measured something
 * narrower than its own duration.
 */
export async function sample(run: () => Promise<number | void>, { budgetSeconds, minSamples = 5, warmUp = 2 }: SamplingOptions): Promise<Sampled> {
  let runs = 0;
  const counted = (): Promise<number | void> => (runs++, run());
  const once = async (): Promise<number> => {
    const start = performance.now();
    const inner = await counted();
    return inner ?? performance.now() - start;
  };
  let last = 0;
  let [before, first] = [process.cpuUsage(), 0];
  const sampled = (ms: readonly number[]): Sampled => {
    const { user, system } = process.cpuUsage(before);
    return { ms, cpuMs: (user + system) / 1e3 / Math.max(1, runs - first) };
  };
  for (let i = 0; i < warmUp; i++) {
    // The last of them may count.
    [before, first] = [process.cpuUsage(), runs];
    last = await once();
  }
  if (last > slowMs) {
    const next = await once();
    if (next > slowMs) return sampled([last, next]);
  }
  [before, first] = [process.cpuUsage(), runs];
  const inner: number[] = [];
  const outer = await new Promise<number[]>((resolve, reject) => {
    const timed = new Benchmark({
      defer: true, maxTime: budgetSeconds, minSamples,
      fn(deferred: { resolve(): void }) {
        counted().then((ms) => {
          if (ms !== undefined) inner.push(ms);
          deferred.resolve();
        }, reject);
      },
      onComplete: () => resolve((timed.stats?.sample ?? []).map((seconds) => 1e3 * seconds)),
    });
    timed.run({ async: true });
  });
  // Processor time knows nothing of the narrower thing that was measured.
  return inner.length > 0 ? { ms: inner, cpuMs: NaN } : sampled(outer);
}

/** Of sorted values, interpolated. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}

export const geometricMean = (values: readonly number[]): number => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

/**
 * How often to repeat work of `flops` within one repetition, so that encoding and waiting are small beside it: on processors some
 * milliseconds' worth, on a GPU, which does a thousand times as much in that time, as many of its.
 */
export const repeatsFor = (flops: number, { software }: { readonly software: boolean }): number => Math.max(1, Math.min(64, Math.ceil((software ? 5e8 : 2e11) / flops)));
