// What a person chooses, and what is known of it. Shared by the page and its worker, and light: the page loads no engine.

import type { ConversionReport, Numerics } from "@roentgen/checkpoints";
import type { TaskKind } from "@roentgen/data";

export type DemoSet = "plane" | "brain";
export type Depth = 18 | 34 | 50 | 101 | 152;
/** As a task's `precision`: mixed stores images between layers and filters in f16. */
export type Precision = "f32" | "mixed";

/** Images: a demonstration set of this site, or a folder's files by their path below it. */
export type DataChoice = { readonly kind: "demo"; readonly set: DemoSet } | { readonly kind: "folder"; readonly files: ReadonlyMap<string, File> };

export interface Choices {
  readonly data: DataChoice;
  /** A weight file of a ResNet, of any kind; null: random weights. */
  readonly weights: File | null;
  readonly depth: Depth;
  /** Height and width, in pixels. */
  readonly size: number;
  readonly batch: number;
  readonly epochs: number;
  /** null: the usual one for the task. */
  readonly learningRate: number | null;
  readonly seed: number;
  readonly precision: Precision;
  /** Measure which kernels are fastest before training, unless that is known. */
  readonly tune: boolean;
}

/** What a data set's list says. */
export interface DataFacts {
  readonly name: string;
  readonly kind: TaskKind;
  readonly classes: readonly string[];
  readonly images: Readonly<Record<"train" | "val" | "test", number>>;
}

/** What a weight file is found to be. */
export interface WeightsFacts {
  readonly depth: Depth;
  readonly numerics: Numerics;
  readonly report: ConversionReport;
}

/** Names of the one task and the one initialisation in the study that a page runs. */
export const initName = (weights: File | null): string => (weights ? "file" : "random");

/** What a run was, in a line: `plane, ResNet-18 from random weights, 64 px, batch 8, 5 epochs`. @param set  the name of its images */
export function summaryOf({ weights, depth, size, batch, epochs, precision }: Choices, set: string): string {
  return `${set}, ResNet-${depth} from ${weights ? weights.name : "random weights"}, ${size} px, batch ${batch}, ${epochs} epoch${epochs === 1 ? "" : "s"}${precision === "mixed" ? ", mixed precision" : ""}`;
}

export const usualRate = (kind: TaskKind): number => (kind === "mask" ? 1e-3 : 2e-4);
