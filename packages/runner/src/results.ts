// What a study yields: plain data, written to report.json, from which pages are drawn and nothing else.

import type { Interval, Summary, TTest } from "@roentgen/metrics";
import type { StudyConfig } from "./config.ts";

export interface EpochRecord {
  readonly epoch: number;
  readonly rate: number;
  readonly trainLoss: number;
  readonly validationLoss: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

export interface ClassificationScores {
  readonly kind: "classification";
  readonly classes: readonly string[];
  /** Area under the ROC curve of each class against the rest, ties counted half; null where a class has one value only. */
  readonly auc: readonly (number | null)[];
  /** Unweighted mean of those that are defined: the headline. */
  readonly meanAuc: number | null;
  readonly accuracy: number | null;
  readonly sensitivity: readonly (number | null)[];
  readonly specificity: readonly (number | null)[];
  /** Rows are truth, columns prediction; absent for multi-label tasks. */
  readonly confusion: readonly (readonly number[])[] | null;
}

export interface SegmentationScores {
  readonly kind: "segmentation";
  /** Over all pixels of all images together: the headline. */
  readonly dicePooled: number;
  /** Mean of the images' own. */
  readonly diceMean: number | null;
  readonly iouPooled: number;
  readonly iouMean: number | null;
  readonly sensitivity: number | null;
  readonly specificity: number | null;
  readonly dicePerImage: readonly number[];
}

export type Scores = ClassificationScores | SegmentationScores;

/** A test image with the truth and the prediction, as PNG data URIs, for the report to draw. */
export interface MaskExample {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly image: string;
  readonly truth: string;
  readonly prediction: string;
  readonly dice: number;
}

export interface TrialResult {
  readonly name: string;
  readonly task: string;
  readonly init: string;
  readonly seed: number;
  readonly epochs: readonly EpochRecord[];
  readonly bestEpoch: number;
  readonly steps: number;
  /** Loss of every training step. */
  readonly losses: readonly number[];
  readonly scores: Scores;
  /** The number that cells are compared by, in [0, 1]: mean AUC or pooled Dice. */
  readonly headline: number | null;
  /** Test predictions: probabilities row by row, and integer labels; classification only. */
  readonly predictions: { readonly files: readonly string[]; readonly probabilities: readonly (readonly number[])[]; readonly labels: readonly (readonly number[])[] } | null;
  readonly examples: readonly MaskExample[];
  /** Only where training was ended by hand: the steps it would have taken at most. */
  readonly stopped?: { readonly planned: number; readonly stepsPerEpoch: number };
  /** File of the best model, relative to the study's folder. */
  readonly model: string | null;
  readonly seconds: number;
  /** What a training step needed beside weights and optimiser, and whether it computed parts twice to need no more than the budget. */
  readonly memory?: { readonly trainingBytes: number; readonly checkpointing: boolean };
}

export interface Cell {
  readonly task: string;
  readonly init: string;
  readonly trials: readonly string[];
  /** Of the headline: n, mean, SD with n-1, population SD. */
  readonly headline: Summary;
  /** 95 % bootstrap interval of the mean over trials. */
  readonly interval: Interval | null;
}

export interface Comparison {
  readonly task: string;
  readonly init: string;
  readonly baseline: string;
  readonly difference: number | null;
  /** Student's (two-sided, equal variance) and Welch's. */
  readonly test: TTest | null;
  /** ns, *, **, *** or ****, with the sign of the difference. */
  readonly mark: string | null;
  readonly interval: Interval | null;
}

export interface DataSummary {
  readonly name: string;
  readonly hash: string;
  readonly classes: readonly string[];
  readonly images: Readonly<Record<"train" | "validation" | "test", number>>;
  readonly subjects: Readonly<Record<"train" | "validation" | "test", readonly string[]>>;
}

export interface Environment {
  readonly roentgen: string;
  readonly commit: string | null;
  readonly runtime: string;
  readonly system: string;
  readonly adapter: { readonly vendor: string; readonly architecture: string; readonly device: string; readonly description: string; readonly software: boolean; readonly toggles: readonly string[] };
}

export interface Report {
  readonly format: 1;
  readonly config: StudyConfig;
  readonly environment: Environment;
  /** Tasks whose kernels were chosen by measurement; for all others prediction chose. */
  readonly tunedKernels: number;
  readonly data: Readonly<Record<string, DataSummary>>;
  /** Initialisations that could not be had, and why. Their cells are absent. */
  readonly unavailable: Readonly<Record<string, string>>;
  /** How each initialisation's weights were made and where they came from. */
  readonly sources: Readonly<Record<string, string>>;
  readonly trials: readonly TrialResult[];
  readonly cells: readonly Cell[];
  readonly comparisons: readonly Comparison[];
  readonly seconds: number;
}
