import { type Cell, csvOf } from "./csv.ts";
import type { Report, Scores, TrialResult } from "./results.ts";

const columns = ["trial", "task", "init", "seed", "stopped", "best epoch", "steps", "seconds", "score", "class", "value"] as const;

/** A report's test scores, a line for each score of each trial, in the trials' order: what R and pandas read as it is. */
export const reportCsv = ({ trials }: Pick<Report, "trials">): string => csvOf([columns, ...trials.flatMap(linesOf)]);

/** An epoch counts from 1, as in the report; a trial that was stopped within the first has none. */
function linesOf({ name, task, init, seed, stopped, bestEpoch, steps, seconds, scores }: TrialResult): Cell[][] {
  const trial = [name, task, init, seed, stopped ? 1 : 0, bestEpoch < 0 ? null : bestEpoch + 1, steps, seconds];
  return scoresOf(scores).map((score) => [...trial, ...score]);
}

function scoresOf(scores: Scores): (readonly [score: string, className: string | null, value: number | null])[] {
  if (scores.kind === "segmentation") {
    const { dicePooled, diceMean, iouPooled, iouMean, sensitivity, specificity } = scores;
    return Object.entries({ "Dice pooled": dicePooled, "Dice mean": diceMean, "IoU pooled": iouPooled, "IoU mean": iouMean, sensitivity, specificity }).map(([score, value]) => [score, null, value]);
  }
  const { classes, meanAuc, accuracy, auc, sensitivity, specificity } = scores;
  return [
    ["mean AUC", null, meanAuc], ["accuracy", null, accuracy],
    ...classes.flatMap((name, c) => ([["AUC", auc], ["sensitivity", sensitivity], ["specificity", specificity]] as const).map(([score, values]) => [score, name, values[c] ?? null] as const)),
  ];
}
