// ROC curves of each class against the rest: a thin line for each trial, a strong one for their vertical average (Fawcett,
// Pattern Recognition Letters 27, 2006, section 7: the true positive rates of all curves averaged at equal false positive rate).

import { line, type Markish, text } from "@observablehq/plot";
import { rocCurve, type RocPoint } from "@roentgen/metrics";
import type { TrialResult } from "../results.ts";
import { over, type TaskView } from "./arrange.ts";
import { chart } from "./chart.ts";
import { html, type Markup } from "./html.ts";
import { fixed } from "./numbers.ts";
import { colourOf, dashOf } from "./style.ts";

interface Point {
  readonly x: number;
  readonly y: number;
  readonly trial: string;
}

/** Corners drawn of one trial's curve. */
const mostCorners = 200;
const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1];
const grid = Array.from({ length: 101 }, (_, i) => i / 100);

/** Whether a row of labels belongs to class `c`: rows are [class number], or 0 or 1 for each class (one class: for it). */
const belongs = (row: readonly number[], c: number, classes: number): number => Number(row.length === 1 && classes > 1 ? row[0] === c : row[c] === 1);

/** Curve of one class in one trial; null where the class has one value only or the predictions do not fit. */
export function curveOf({ predictions, scores }: TrialResult, c: number): RocPoint[] | null {
  if (!predictions || scores.kind !== "classification") return null;
  const { probabilities, labels } = predictions;
  const column = probabilities.map((row) => row[c]);
  if (labels.length !== column.length || !column.every((p): p is number => typeof p === "number" && Number.isFinite(p))) return null;
  return rocCurve(column, labels.map((row) => belongs(row, c, scores.classes.length)));
}

/** True positive rate of a curve at a false positive rate, linear between corners; of a vertical rise, its top. */
export function rateAt(curve: readonly RocPoint[], x: number): number {
  const next = curve.findIndex((p) => p.falsePositiveRate > x);
  const before = curve[(next < 0 ? curve.length : next) - 1];
  const after = curve[next];
  if (!before) return 0;
  if (!after) return before.truePositiveRate;
  return before.truePositiveRate + ((x - before.falsePositiveRate) / (after.falsePositiveRate - before.falsePositiveRate)) * (after.truePositiveRate - before.truePositiveRate);
}

const thin = (curve: readonly RocPoint[]): RocPoint[] => {
  const every = Math.ceil(curve.length / mostCorners);
  return curve.filter((_, i) => i % every === 0 || i === curve.length - 1);
};

/** One panel a class; none for a task without predictions. */
export function rocPanels(task: TaskView): Markup[] {
  const scores = task.arms.flatMap((arm) => arm.trials)[0]?.scores;
  if (scores?.kind !== "classification") return [];
  return scores.classes.flatMap((name, c) => {
    const marks: Markish[] = [line([[0, 0], [1, 1]], { stroke: "currentColor", strokeOpacity: 0.35, strokeDasharray: "3,3" })];
    const strong: Markish[] = [];
    const areas: { label: string; place: number }[] = [];
    for (const { init, place, trials } of task.arms) {
      const curves = trials.flatMap((trial) => {
        const curve = curveOf(trial, c);
        return curve ? [{ trial: trial.name, curve }] : [];
      });
      if (curves.length === 0) continue;
      const stroke = colourOf(place);
      const points: Point[] = curves.flatMap(({ trial, curve }) => thin(curve).map((p) => ({ x: p.falsePositiveRate, y: p.truePositiveRate, trial })));
      marks.push(line(points, { x: "x", y: "y", z: "trial", stroke, strokeOpacity: curves.length > 1 ? 0.4 : 0, strokeWidth: 0.8 }));
      const average = [{ x: 0, y: 0 }, ...grid.map((x) => ({ x, y: curves.reduce((sum, { curve }) => sum + rateAt(curve, x), 0) / curves.length }))];
      strong.push(line(average, { x: "x", y: "y", stroke, strokeWidth: 2, strokeDasharray: dashOf(place) || "none" }));
      const { mean, sd } = over(trials, (t) => (t.scores.kind === "classification" ? t.scores.auc[c] : null));
      areas.push({ place, label: `${init} ${fixed(mean, 3)}${sd === null ? "" : ` ± ${fixed(sd, 3)}`}` });
    }
    if (areas.length === 0) return [];
    const shown = areas.length <= 6 ? areas : [];
    const panel = chart(`ROC curves of class ${name} in ${task.title}. Area: ${areas.map((a) => a.label).join("; ")}.`, {
      width: 300,
      height: 300,
      marginRight: 8,
      x: { domain: [0, 1], ticks, label: "1 − specificity", labelAnchor: "center", labelArrow: "none" },
      y: { domain: [0, 1], ticks, label: "Sensitivity", labelArrow: "none", grid: true },
      marks: [
        ...marks,
        ...strong,
        ...shown.map(({ label, place }, i) => text([label], { frameAnchor: "bottom-right", dx: -6, dy: -8 - 15 * (shown.length - 1 - i), text: [label.length > 34 ? `${label.slice(0, 33)}…` : label], fill: colourOf(place), stroke: "var(--paper)", strokeWidth: 4, fontWeight: 600 })),
      ],
    });
    return [html`<div class="panel"><p class="panel-title">${name}</p>${panel}</div>`];
  });
}
