import { arrange, missing, type TaskView } from "./report/arrange.ts";
import { plain } from "./report/html.ts";
import { areFew, duration, fewTrials, interval, meanSd, points, pValue } from "./report/numbers.ts";
import type { Report } from "./results.ts";

const headings = ["init", "n", "mean ± SD", "95 % CI", "difference", "p (Student)", "p (Welch)", "mark"] as const;

/** A study's headline as plain text for a terminal: one block a task, one line an initialisation, scores in percent. */
export function reportTable(report: Report): string {
  const tasks = arrange(report);
  const widest = headings.map((heading, column) => Math.max(heading.length, ...tasks.flatMap((task) => rows(task).map((row) => row[column]?.length ?? 0))));
  const line = (cells: readonly string[]) => `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widest[i] ?? 0) : cell.padStart(widest[i] ?? 0))).join("   ")}`.trimEnd();
  const blocks = tasks.map((task) => [`${oneLine(task.name)}: ${task.metric}, % of the test set`, line(headings), ...rows(task).map(line)].join("\n"));
  const { adapter } = report.environment;
  const checkpointed = report.trials.filter((trial) => trial.memory?.checkpointing).length;
  const notes = [
    ...missing(report).map(oneLine),
    ...(report.config.baseline && report.comparisons.length > 0 ? [`Compared with ${oneLine(report.config.baseline)}: ns p >= 0.05, * < 0.05, ** < 0.01, *** < 0.001, **** < 0.0001, by Student's t-test.`] : []),
    ...(report.cells.some(areFew) ? [fewTrials] : []),
    ...(checkpointed > 0 ? [`Gradient checkpointing in ${checkpointed} of ${report.trials.length} trials, to stay within the memory budget.`] : []),
    `${report.trials.length} ${report.trials.length === 1 ? "trial" : "trials"} in ${duration(report.seconds)} on ${oneLine(adapter.description || adapter.device || adapter.vendor || "an unnamed adapter")}${adapter.software ? " (software)" : ""}${adapter.toggles.length > 0 ? `, Dawn toggles ${oneLine(adapter.toggles.join(" "))}` : ""}.`,
  ];
  return [...blocks, notes.join("\n")].join("\n\n");
}

function rows(task: TaskView): string[][] {
  return task.arms.map(({ init, cell, comparison }) => [
    oneLine(init),
    String(cell.headline.n),
    meanSd(cell.headline),
    interval(cell.interval),
    init === task.baseline ? "baseline" : points(comparison?.difference),
    pValue(comparison?.test?.student.p),
    pValue(comparison?.test?.welch.p),
    comparison?.mark ?? "–",
  ]);
}

/** Names come from files: nothing in them may move a terminal's cursor. */
const oneLine = (text: string): string => plain(text).replace(/\s+/g, " ");
