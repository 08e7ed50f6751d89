// From trials to cells and comparisons. Statistics: benchmark protocol 6.1.

import { Rng } from "@roentgen/core";
import { bootstrapDifference, bootstrapMean, significance, summarize, tTest } from "@roentgen/metrics";
import type { StudyConfig } from "./config.ts";
import type { Cell, Comparison, Report, TrialResult } from "./results.ts";

const resamples = 10_000;

const headlines = (trials: readonly TrialResult[], task: string, init: string): number[] =>
  trials.filter((t) => t.task === task && t.init === init).flatMap((t) => (t.headline === null ? [] : [t.headline]));

/** Mean, SD and interval of every (task, init) that has a finished trial. */
export function cellsOf(config: StudyConfig, trials: readonly TrialResult[]): Cell[] {
  return Object.keys(config.tasks).flatMap((task) => config.inits.flatMap((init): Cell[] => {
    const names = trials.filter((t) => t.task === task && t.init === init).map((t) => t.name);
    if (names.length === 0) return [];
    const values = headlines(trials, task, init);
    return [{ task, init, trials: names, headline: summarize(values), interval: bootstrapMean(values, { rng: Rng.for(config.seed, "cell", task, init), resamples }) }];
  }));
}

/** Every init against the baseline, task by task; none without a baseline. */
export function comparisonsOf(config: StudyConfig, trials: readonly TrialResult[]): Comparison[] {
  const { baseline } = config;
  if (baseline === undefined) return [];
  return Object.keys(config.tasks).flatMap((task) => config.inits.filter((init) => init !== baseline).flatMap((init): Comparison[] => {
    const [ours, theirs] = [headlines(trials, task, init), headlines(trials, task, baseline)];
    if (ours.length === 0 || theirs.length === 0) return [];
    const test = tTest(ours, theirs);
    const interval = bootstrapDifference(ours, theirs, { rng: Rng.for(config.seed, "comparison", task, init), resamples });
    return [{ task, init, baseline, difference: mean(ours) - mean(theirs), test, mark: significance(test)?.label ?? null, interval }];
  }));
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** report.json, in a fixed order of keys; numbers in the shortest form that reads back to the same bits. */
export const formatReport = (report: Report): Uint8Array => new TextEncoder().encode(`${JSON.stringify(report, null, 1)}\n`);
