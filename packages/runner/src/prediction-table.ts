import { csvOf } from "./csv.ts";
import type { ModelFacts } from "./kept-model.ts";

/** A line of the table. */
export interface PredictedRow {
  readonly file: string;
  /** The probability of each class; of masks, the share of the image's pixels that is marked. */
  readonly values: ArrayLike<number>;
  /** Classes that the values speak for. */
  readonly predicted: readonly string[];
}

/** Columns: file, one for each class, and what is predicted (not of masks). */
export function predictionsCsv({ kind, classes }: ModelFacts["task"], rows: readonly PredictedRow[]): string {
  const withPredicted = kind !== "mask";
  const head = ["file", ...classes, ...(withPredicted ? ["predicted"] : [])];
  return csvOf([head, ...rows.map(({ file, values, predicted }) => [file, ...Array.from(values), ...(withPredicted ? [predicted.join("; ")] : [])])]);
}
