// Bootstrap intervals: draw items with replacement, compute the statistic again, take quantiles of what comes.
// Efron and Tibshirani, "An Introduction to the Bootstrap" (1993): percentile, chapter 13; BCa, chapter 14.
import { ConfigError, type Rng } from "@roentgen/core";
import type { Numbers } from "./check.ts";
import { normalQuantile, normalUpperTail } from "./special.ts";
import { mean, quantile } from "./summary.ts";

/** How to resample. */
export interface BootstrapOptions {
  /** Seeded by the caller, so that an interval can be computed again bit for bit. */
  readonly rng: Rng;
  readonly resamples?: number;
  /** Coverage, 0 to 1. */
  readonly level?: number;
  /** `bca` corrects bias and skewness at the price of n more evaluations of the statistic. */
  readonly method?: "percentile" | "bca";
}

/** A statistic and its interval. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  readonly level: number;
  readonly method: "percentile" | "bca";
  /** Resamples drawn, and those of them where the statistic was undefined, which the quantiles leave out. */
  readonly resamples: number;
  readonly undefinedResamples: number;
}

/**
 * Interval between the (1 - level)/2 quantiles of a bootstrap distribution, linearly interpolated.
 *
 * @param sorted  the statistic of each resample, ascending, at least one
 */
export function percentileInterval(sorted: Numbers, level: number): [low: number, high: number] {
  const tail = (1 - level) / 2;
  return [quantile(sorted, tail), quantile(sorted, 1 - tail)];
}

/**
 * Bias-corrected and accelerated interval (Efron, JASA 82, 1987). Ties with the estimate count half, as in SciPy.
 *
 * @param sorted     the statistic of each resample, ascending
 * @param jackknife  the statistic with each item left out in turn
 * @returns  null where it is undefined: the estimate lies outside its own distribution, or there is no spread
 */
export function bcaInterval(sorted: Numbers, estimate: number, jackknife: Numbers, level: number): [low: number, high: number] | null {
  let below = 0;
  let upTo = 0;
  for (let i = 0; i < sorted.length; i++) {
    if ((sorted[i] as number) < estimate) below++;
    if ((sorted[i] as number) <= estimate) upTo++;
  }
  const bias = normalQuantile((below + upTo) / (2 * sorted.length));
  const centre = mean(jackknife);
  if (centre === null || !Number.isFinite(bias)) return null;
  let squares = 0;
  let cubes = 0;
  for (let i = 0; i < jackknife.length; i++) {
    const d = centre - (jackknife[i] as number);
    squares += d * d;
    cubes += d * d * d;
  }
  if (squares === 0) return null;
  const acceleration = cubes / (6 * squares ** 1.5);
  const moved = (tail: number) => {
    const z = bias + normalQuantile(tail);
    return normalUpperTail(-(bias + z / (1 - acceleration * z)));
  };
  const tail = (1 - level) / 2;
  return [quantile(sorted, moved(tail)), quantile(sorted, moved(1 - tail))];
}

function checked({ rng, resamples = 2000, level = 0.95, method = "percentile" }: BootstrapOptions) {
  if (!Number.isInteger(resamples) || resamples < 1) throw new ConfigError(`bootstrap: resamples must be a positive integer, got ${resamples}.`);
  if (!(level > 0 && level < 1)) throw new ConfigError(`bootstrap: level must lie between 0 and 1, got ${level}. For 95 % give 0.95.`);
  return { rng, resamples, level, method };
}

/** Statistics of `resamples` draws, ascending, the undefined ones left out. */
function distribution(resamples: number, draw: () => number | null): Float64Array {
  const held = new Float64Array(resamples);
  let defined = 0;
  for (let i = 0; i < resamples; i++) {
    const value = draw();
    if (value !== null) held[defined++] = value;
  }
  return held.subarray(0, defined).sort();
}

function fill(indices: Uint32Array, rng: Rng): Uint32Array {
  for (let i = 0; i < indices.length; i++) indices[i] = rng.int(indices.length);
  return indices;
}

/**
 * Interval of any statistic of n items (a metric over test cases, say), all items resampled together, without strata.
 *
 * @param n          number of items
 * @param statistic  from item indices (repeats allowed; the array is reused, so do not keep it) to a value, or null where
 *   the value is undefined (an AUC of one class)
 * @returns  null where there is no interval: fewer than two items, an undefined estimate, no defined resample, or no BCa
 * @throws ConfigError on options out of range
 */
export function bootstrap(n: number, statistic: (indices: Uint32Array) => number | null, options: BootstrapOptions): Interval | null {
  const { rng, resamples, level, method } = checked(options);
  if (n < 2) return null;
  const all = Uint32Array.from({ length: n }, (_, i) => i);
  const estimate = statistic(all.slice());
  if (estimate === null) return null;
  const indices = new Uint32Array(n);
  const sorted = distribution(resamples, () => statistic(fill(indices, rng)));
  if (sorted.length === 0) return null;
  let ends: [number, number] | null;
  if (method === "bca") {
    const jackknife = Array.from(all, (left) => statistic(all.filter((i) => i !== left)));
    const defined = jackknife.filter((value) => value !== null);
    ends = defined.length < n ? null : bcaInterval(sorted, estimate, defined, level);
  } else {
    ends = percentileInterval(sorted, level);
  }
  if (ends === null) return null;
  return { estimate, low: ends[0], high: ends[1], level, method, resamples, undefinedResamples: resamples - sorted.length };
}

/** Interval of the mean of the values; null for fewer than two. */
export function bootstrapMean(values: Numbers, options: BootstrapOptions): Interval | null {
  return bootstrap(values.length, (indices) => mean(Float64Array.from(indices, (i) => values[i] as number)), options);
}

/**
 * Percentile interval of mean(a) - mean(b), each group resampled on its own; null if either has fewer than two values.
 *
 * @throws ConfigError on options out of range, NonFiniteError on a value that is not finite
 */
export function bootstrapDifference(a: Numbers, b: Numbers, options: Omit<BootstrapOptions, "method">): Interval | null {
  const { rng, resamples, level } = checked(options);
  const meanA = mean(a);
  const meanB = mean(b);
  if (meanA === null || meanB === null || a.length < 2 || b.length < 2) return null;
  const drawn = (values: Numbers, indices: Uint32Array) => mean(Float64Array.from(fill(indices, rng), (i) => values[i] as number)) as number;
  const indicesA = new Uint32Array(a.length);
  const indicesB = new Uint32Array(b.length);
  const sorted = distribution(resamples, () => drawn(a, indicesA) - drawn(b, indicesB));
  const [low, high] = percentileInterval(sorted, level);
  return { estimate: meanA - meanB, low, high, level, method: "percentile", resamples, undefinedResamples: 0 };
}
