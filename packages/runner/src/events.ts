import type { EpochRecord, TrialResult } from "./results.ts";

/** What a running study tells: everything a progress display, in a shell or a page, needs. */
export type StudyEvent =
  | { readonly kind: "study"; readonly trials: readonly string[]; readonly done: readonly string[]; readonly chosen: readonly string[]; readonly unavailable: Readonly<Record<string, string>> }
  | { readonly kind: "trial"; readonly trial: string; readonly index: number; readonly of: number; readonly epochs: number; readonly stepsPerEpoch: number; readonly resumedAt: number }
  | { readonly kind: "compile"; readonly trial: string; readonly done: number; readonly total: number }
  | { readonly kind: "step"; readonly trial: string; readonly epoch: number; readonly step: number; readonly stepsPerEpoch: number; readonly loss: number; readonly imagesPerSecond: number; readonly secondsLeft: number | null }
  | { readonly kind: "epoch"; readonly trial: string; readonly record: EpochRecord; readonly isBest: boolean }
  | { readonly kind: "result"; readonly trial: string; readonly result: TrialResult }
  | { readonly kind: "note"; readonly text: string };

export type Listener = (event: StudyEvent) => void;
