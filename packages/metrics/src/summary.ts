// Mean and spread of a few numbers. What a sample is too small for is null, never NaN.
import { NonFiniteError } from "@roentgen/core";
import type { Numbers } from "./check.ts";

/** What a row of a results table needs. */
export interface Summary {
  readonly n: number;
  readonly mean: number | null;
  /** Sample standard deviation, divisor n - 1. */
  readonly sd: number | null;
  /** Population standard deviation, divisor n: what the published study's logs print. */
  readonly populationSd: number | null;
  readonly median: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

/** Mean and summed squares about it; `squares` is exactly 0 for equal values, however the mean was rounded. */
export function moments(who: string, values: Numbers): { n: number; mean: number; squares: number } | null {
  const n = values.length;
  if (n === 0) return null;
  let first = 0;
  let equal = true;
  for (let i = 0; i < n; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) throw new NonFiniteError(`${who}: finite values expected, value ${i} is ${value}. Leave undefined scores out.`);
    if (value !== values[0]) equal = false;
    first += value / n;
  }
  if (equal) return { n, mean: values[0] as number, squares: 0 };
  // The second pass takes the first mean's rounding error out of both results (Chan, Golub and LeVeque, 1983).
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const d = (values[i] as number) - first;
    sum += d;
    squares += d * d;
  }
  if (!Number.isFinite(squares)) throw new NonFiniteError(`${who}: the squares of the deviations overflow float64. Scale the values first.`);
  return { n, mean: first + sum / n, squares: Math.max(0, squares - (sum * sum) / n) };
}

/** Arithmetic mean; null for no values. Throws NonFiniteError on a value that is not finite. */
export const mean = (values: Numbers): number | null => moments("mean", values)?.mean ?? null;

/** Sample standard deviation, sqrt(sum of squares about the mean / (n - 1)); null for fewer than two values. */
export function sd(values: Numbers): number | null {
  const m = moments("sd", values);
  return m === null || m.n < 2 ? null : Math.sqrt(m.squares / (m.n - 1));
}

/** Population standard deviation, divisor n; null for fewer than two values, because one run shows no spread. */
export function populationSd(values: Numbers): number | null {
  const m = moments("populationSd", values);
  return m === null || m.n < 2 ? null : Math.sqrt(m.squares / m.n);
}

/** Middle value, or the mean of the two middle ones; null for no values. */
export function median(values: Numbers): number | null {
  if (moments("median", values) === null) return null;
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/**
 * The q-quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996; numpy's default).
 *
 * @param sorted  ascending, at least one
 * @param q       0 to 1
 */
export function quantile(sorted: Numbers, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const a = sorted[low] as number;
  const b = sorted[Math.min(low + 1, sorted.length - 1)] as number;
  // From the nearer end, so that q = 1 gives b exactly and halves give the mean.
  return at - low < 0.5 ? a + (b - a) * (at - low) : b - (b - a) * (1 - (at - low));
}

/** All of the above at once. Throws NonFiniteError on a value that is not finite. */
export function summarize(values: Numbers): Summary {
  const sorted = Float64Array.from(values).sort();
  return {
    n: values.length,
    mean: mean(values),
    sd: sd(values),
    populationSd: populationSd(values),
    median: median(values),
    min: sorted[0] ?? null,
    max: sorted[sorted.length - 1] ?? null,
  };
}
