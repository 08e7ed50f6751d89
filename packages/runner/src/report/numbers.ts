// How numbers read in a report. What is undefined (one trial, one class) is a dash, never NaN.

export const NONE = "–";
const MINUS = "−";

const sane = (value: number | null | undefined): value is number => typeof value === "number" && Number.isFinite(value);

/** A number with a fixed count of decimals and a real minus sign. */
export const fixed = (value: number | null | undefined, decimals: number): string =>
  sane(value) ? value.toFixed(decimals).replace(/^-(?=[0.]*$)/, "").replace("-", MINUS) : NONE;

/** A share of one as a percentage: 0.8170 is "81.70". The unit stands in the table's head. */
export const percent = (share: number | null | undefined, decimals = 2): string => fixed(sane(share) ? share * 100 : null, decimals);

/** Difference of two shares in percentage points, with its sign. */
export const points = (share: number | null | undefined, decimals = 2): string =>
  sane(share) && share > 0 ? `+${percent(share, decimals)}` : percent(share, decimals);

/** "81.70 ± 0.15"; without a spread the mean alone, with a dash where the spread would be. */
export const meanSd = ({ mean, sd }: { readonly mean: number | null; readonly sd: number | null }, decimals = 2): string =>
  sane(mean) ? `${percent(mean, decimals)} ± ${percent(sd, decimals)}` : NONE;

/** "81.40 to 82.00". */
export const interval = (value: { readonly low: number; readonly high: number } | null | undefined, decimals = 2): string =>
  value && sane(value.low) && sane(value.high) ? `${percent(value.low, decimals)} to ${percent(value.high, decimals)}` : NONE;

/** A p-value: two digits down to 0.0001, below that only that it is below. */
export function pValue(p: number | null | undefined): string {
  if (!sane(p)) return NONE;
  if (p < 0.0001) return "< 0.0001";
  return p >= 0.1 ? p.toFixed(2) : p.toPrecision(2);
}

/** The same with the relation: "p = 0.012", "p < 0.0001". */
export const pRelation = (p: number | null | undefined): string => (pValue(p).startsWith("<") ? `p ${pValue(p)}` : `p = ${pValue(p)}`);

/** A mark such as "-**" with a real minus sign. */
export const signed = (mark: string): string => mark.replace(/^-/, MINUS);

/** Seconds as a person says them: "42 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds: number | null | undefined): string {
  if (!sane(seconds) || seconds < 0) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Thousands apart: 32,521,105. */
export const grouped = (value: number): string => (sane(value) ? value.toLocaleString("en-US") : NONE);

/** A bootstrap of so few values knows too little of their spread, and its intervals are too narrow; the t-test does not suffer from that. */
export const areFew = ({ headline: { n } }: { readonly headline: { readonly n: number } }): boolean => n > 1 && n < 5;
export const fewTrials = "Intervals of fewer than five trials are too narrow; go by p.";
