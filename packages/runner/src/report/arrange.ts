// The flat lists of a report, arranged as they are drawn: by task, then by initialisation, in the order of the configuration.

import { type Summary, summarize } from "@roentgen/metrics";
import type { Cell, Comparison, Report, Scores, TrialResult } from "../results.ts";

export interface Arm {
  readonly init: string;
  /** Place among all initialisations of the study: its colour and dash everywhere. */
  readonly place: number;
  readonly cell: Cell;
  readonly trials: readonly TrialResult[];
  readonly comparison: Comparison | undefined;
}

export interface TaskView {
  readonly name: string;
  readonly title: string;
  readonly kind: Scores["kind"];
  /** What the headline is: "Mean AUC". */
  readonly metric: string;
  readonly baseline: string | undefined;
  readonly arms: readonly Arm[];
}

const metrics = { classification: "Mean AUC", segmentation: "Dice, pooled" } as const satisfies Record<Scores["kind"], string>;

/** Tasks with at least one cell, each with its cells. */
export function arrange(report: Report): TaskView[] {
  const { config } = report;
  const inits = [...new Set([...config.inits, ...report.cells.map((cell) => cell.init)])];
  const tasks = [...new Set([...Object.keys(config.tasks), ...report.cells.map((cell) => cell.task)])];
  return tasks.flatMap((name): TaskView[] => {
    const arms = inits.flatMap((init, place): Arm[] => {
      const cell = report.cells.find((c) => c.task === name && c.init === init);
      if (!cell) return [];
      const trials = report.trials.filter((t) => t.task === name && t.init === init);
      return [{ init, place, cell, trials, comparison: report.comparisons.find((c) => c.task === name && c.init === init) }];
    });
    if (arms.length === 0) return [];
    const task = Object.hasOwn(config.tasks, name) ? config.tasks[name] : undefined;
    const kind = arms.flatMap((arm) => arm.trials)[0]?.scores.kind ?? (task?.model.kind === "unet" ? "segmentation" : "classification");
    return [{ name, title: task?.title ?? name, kind, metric: metrics[kind], baseline: config.baseline, arms }];
  });
}

/** Mean and spread over trials of one score, undefined values left out. */
export const over = (trials: readonly TrialResult[], score: (trial: TrialResult) => number | null | undefined): Summary =>
  summarize(trials.map(score).filter((v): v is number => typeof v === "number" && Number.isFinite(v)));

/** Which of a trial's epochs, counted from 1, had the model that was tested. */
export function bestPlace({ epochs, bestEpoch }: TrialResult): number | null {
  const at = epochs.findIndex((e) => e.epoch === bestEpoch);
  return at < 0 ? null : at + 1;
}

/** A title as a sentence, which it may be already. */
export const ended = (title: string): string => (/[.?!…]$/.test(title) ? title : `${title}.`);

/** What must be said before any number: the initialisations that could not be had, and what that leaves. */
export function missing(report: Report): string[] {
  const { config, unavailable, comparisons, trials } = report;
  const stopped = trials.flatMap(({ name, steps, stopped: by }) => (by ? [`${name} was stopped by hand after ${steps} of at most ${by.planned} steps; the best weights until then were tested.`] : []));
  const absent = Object.entries(unavailable).map(([init, reason]) => {
    const cause = reason.trim().replace(/[.\s]+$/, "");
    const left = config.inits.filter((name) => !Object.hasOwn(unavailable, name));
    const effect =
      comparisons.length > 0 ? `Its cells are missing; the others are compared with ${config.baseline}`
      : left.length > 0 ? `Nothing is compared; ${left.join(", ")} ran alone`
      : "Nothing ran";
    return `${init} could not be had: ${cause}. ${effect}.`;
  });
  return [...absent, ...stopped];
}
