// What was predicted, for people (a table) and for programs (JSON).

import type { KeptModel, ModelFacts, PredictedRow } from "@roentgen/runner";
import { printable } from "./printable.ts";
import { type Column, textTable } from "./text-table.ts";

/** What is known of an image in the end. */
export interface Predicted extends PredictedRow {
  readonly width: number;
  readonly height: number;
  /** The mask's file, where one was written. */
  readonly mask: string | null;
}

export interface Skipped {
  readonly file: string;
  readonly reason: string;
}

/** More columns than this do not fit a terminal; then the likeliest stand in one. */
const mostColumns = 6;
const mostLikely = 3;

/** A line for each image: what is predicted, and the probabilities. */
export function predictionsTable({ kind, classes }: ModelFacts["task"], rows: readonly Predicted[]): string {
  const file: Column<Predicted> = { head: "file", of: (row) => printable(row.file) };
  const valueOf = (c: number): Column<Predicted> => ({ head: printable(classes[c] ?? ""), of: ({ values }) => percent(values[c] ?? NaN), right: true });
  if (kind === "mask") return textTable(rows, [file, valueOf(0), { head: "mask", of: (row) => printable(row.mask ?? "-") }]);
  const predicted: Column<Predicted> = { head: "predicted", of: (row) => printable(row.predicted.join(", ") || "-"), most: 60 };
  const likeliest: Column<Predicted> = { head: "likeliest", of: ({ values }) => [...classes.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0)).slice(0, mostLikely).map((c) => `${printable(classes[c] ?? "")} ${percent(values[c] ?? NaN)}`).join(", ") };
  return textTable(rows, [file, predicted, ...(classes.length > mostColumns ? [likeliest] : classes.map((_, c) => valueOf(c)))]);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Everything, in the order of the images: what the model says of itself, what it says of each, what could not be read. */
export function predictionsJson({ name, facts }: KeptModel, rows: readonly Predicted[], skipped: readonly Skipped[]): string {
  const images = rows.map(({ file, width, height, values, predicted, mask }) =>
    facts.task.kind === "mask" ? { file, width, height, marked: values[0], mask } : { file, width, height, probabilities: Array.from(values), predicted });
  return JSON.stringify({ model: { file: name, ...facts }, images, skipped }, null, 1);
}
