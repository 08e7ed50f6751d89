// How every engine that runs in JavaScript is timed: benchmark.js, deferred, after runs that warm caches and compile.

import Benchmark from "benchmark";

export interface SamplingOptions {
  /** At least so long, unless `minSamples` take longer. */
  readonly budgetSeconds: number;
  readonly minSamples?: number;
  readonly warmUp?: number;
}

/** A repetition longer than this is timed twice and no more, by hand: benchmark.js would run it at least `minSamples` + 1 times. */
const slowMs = 4000;

/**
 * Milliseconds of a repetition, many times. `run` ends when the GPU is idle; it returns milliseconds if it measured something
 * narrower than its own duration.
 */
export async function sample(run: () => Promise<number | void>, { budgetSeconds, minSamples = 5, warmUp = 2 }: SamplingOptions): Promise<number[]> {
  const once = async (): Promise<number> => {
    const start = performance.now();
    const inner = await run();
    return inner ?? performance.now() - start;
  };
  let last = 0;
  for (let i = 0; i < warmUp; i++) last = await once();
  if (last > slowMs) return [last, await once()];
  const inner: number[] = [];
  const outer = await new Promise<number[]>((resolve, reject) => {
    const timed = new Benchmark({
      defer: true, maxTime: budgetSeconds, minSamples,
      fn(deferred: { resolve(): void }) {
        run().then((ms) => {
          if (ms !== undefined) inner.push(ms);
          deferred.resolve();
        }, reject);
      },
      onComplete: () => resolve((timed.stats?.sample ?? []).map((seconds) => 1e3 * seconds)),
    });
    timed.run({ async: true });
  });
  return inner.length > 0 ? inner : outer;
}

/** Of sorted values, interpolated. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}

export const geometricMean = (values: readonly number[]): number => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

/** How often to repeat work of `flops` within one repetition, so that encoding and waiting are small beside it. */
export const repeatsFor = (flops: number): number => Math.max(1, Math.min(64, Math.ceil(5e8 / flops)));
