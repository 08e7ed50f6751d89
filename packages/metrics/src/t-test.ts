// Two groups of runs compared. The study's own test is Student's, equal variances, two-sided; Welch's and the one-sided
// values go along in the raw output. Student (1908); Welch, Biometrika 34 (1947), with Satterthwaite's degrees of freedom.
import type { Numbers } from "./check.ts";
import { studentUpperTail } from "./special.ts";
import { moments } from "./summary.ts";

/** One form of the test. */
export interface TTestForm {
  readonly t: number;
  readonly df: number;
  /** Two-sided p-value. */
  readonly p: number;
  /** One-sided: the chance of a t this high if a is not above b (alternative: a greater), and the reverse. */
  readonly pGreater: number;
  readonly pLess: number;
}

/** Two groups compared both ways. */
export interface TTest {
  /** mean(a) - mean(b), in the unit of the values. */
  readonly difference: number;
  readonly n: readonly [number, number];
  readonly student: TTestForm;
  readonly welch: TTestForm;
}

function form(difference: number, standardError: number, df: number): TTestForm {
  const t = difference / standardError;
  const tail = studentUpperTail(Math.abs(t), df);
  return { t, df, p: 2 * tail, pGreater: t >= 0 ? tail : 1 - tail, pLess: t <= 0 ? tail : 1 - tail };
}

/**
 * Independent two-sample t-test of a against b. Student: s_p^2 = (SS_a + SS_b) / (n_a + n_b - 2),
 * t = (m_a - m_b) / (s_p sqrt(1/n_a + 1/n_b)), which for equal n is t = (m_a - m_b) / (s_p sqrt(2/n)), df = 2n - 2.
 *
 * @returns  null where there is no test: fewer than two values in a group, or no spread in either group
 * @throws NonFiniteError on a value that is not finite
 */
export function tTest(a: Numbers, b: Numbers): TTest | null {
  // The test does not change if all values shift together; near 0 the difference of the means keeps its digits.
  const origin = a[0] ?? 0;
  const ma = moments("tTest: a", Float64Array.from(a, (v) => v - origin));
  const mb = moments("tTest: b", Float64Array.from(b, (v) => v - origin));
  if (ma === null || mb === null || ma.n < 2 || mb.n < 2) return null;
  const pooled = (ma.squares + mb.squares) / (ma.n + mb.n - 2);
  const va = ma.squares / (ma.n - 1) / ma.n;
  const vb = mb.squares / (mb.n - 1) / mb.n;
  if (pooled === 0 || va + vb === 0) return null;
  const difference = ma.mean - mb.mean;
  // In shares of the sum, whose squares cannot underflow together.
  const shareA = va / (va + vb);
  const shareB = vb / (va + vb);
  const welchDf = 1 / ((shareA * shareA) / (ma.n - 1) + (shareB * shareB) / (mb.n - 1));
  return {
    difference,
    n: [ma.n, mb.n],
    student: form(difference, Math.sqrt(pooled) * Math.sqrt(1 / ma.n + 1 / mb.n), ma.n + mb.n - 2),
    welch: form(difference, Math.sqrt(va + vb), welchDf),
  };
}

/** How a p-value is marked in tables and charts. */
export type Mark = "ns" | "*" | "**" | "***" | "****";

/** `*` below 0.05, `**` below 0.01, `***` below 0.001, `****` below 0.0001, otherwise `ns`. */
export function markOf(p: number): Mark {
  if (p < 0.0001) return "****";
  if (p < 0.001) return "***";
  if (p < 0.01) return "**";
  return p < 0.05 ? "*" : "ns";
}

/** A mark with its direction: `sign` is 1 if a is above b, -1 if below, 0 if equal; null where there is no test. */
export function significance(test: TTest | null): { readonly mark: Mark; readonly sign: -1 | 0 | 1; readonly label: string } | null {
  if (test === null) return null;
  const mark = markOf(test.student.p);
  const sign = Math.sign(test.difference) as -1 | 0 | 1;
  return { mark, sign, label: mark === "ns" ? "ns" : `${sign < 0 ? "-" : "+"}${mark}` };
}
