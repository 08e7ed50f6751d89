// Predictions as CSV (RFC 4180), for spreadsheets and scripts alike.

import type { ModelFacts } from "./kept-model.ts";

/** A line of the table. */
export interface PredictedRow {
  readonly file: string;
  /** The probability of each class; of masks, the share of the image's pixels that is marked. */
  readonly values: ArrayLike<number>;
  /** Classes that the values speak for. */
  readonly predicted: readonly string[];
}

/** Columns: file, one for each class, and what is predicted (not of masks). Numbers are written in the shortest form that reads back to the same bits. */
export function predictionsCsv({ kind, classes }: ModelFacts["task"], rows: readonly PredictedRow[]): string {
  const withPredicted = kind !== "mask";
  const head = ["file", ...classes, ...(withPredicted ? ["predicted"] : [])].map(text);
  const lines = rows.map(({ file, values, predicted }) => [text(file), ...Array.from(values, String), ...(withPredicted ? [text(predicted.join("; "))] : [])]);
  return [head, ...lines].map((cells) => `${cells.join(",")}\r\n`).join("");
}

/** A spreadsheet takes these for the beginning of a formula, and some formulas reach outside of it. */
const formula = /^[=+\-@\t\r]/;

/** Text as a cell: an apostrophe before what looks like a formula, quotes where the format needs them. */
function text(value: string): string {
  const safe = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
