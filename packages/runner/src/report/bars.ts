// Means as bars, with one standard deviation either way, every trial as a dot, and the baseline's mean across.

import { barY, dot, type Markish, ruleY, ruleX, rectY, text, tickY } from "@observablehq/plot";
import type { Arm, TaskView } from "./arrange.ts";
import { chart, short } from "./chart.ts";
import { html, type Markup } from "./html.ts";
import { meanSd, percent, pRelation, signed } from "./numbers.ts";
import { colourOf } from "./style.ts";

interface Bar {
  readonly x: string;
  readonly place: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly dots: readonly number[];
  readonly mark: string | null;
}

/** One panel; null if no trial of the task has a score. */
export function barPanel(task: TaskView): { readonly panel: Markup; readonly from: number } | null {
  const bars = task.arms.flatMap((arm) => barOf(arm));
  if (bars.length === 0) return null;
  const [from, to] = axis(bars, task.kind === "classification" ? 50 : 0);
  const narrow = bars.length > 6;
  const base = bars[task.arms.filter((arm) => arm.cell.headline.mean !== null).findIndex((arm) => arm.init === task.baseline)];
  const spread = Math.min(10, 150 / bars.length);
  const marks: Markish[] = [
    base && base.high > base.low ? rectY([base], { y1: "low", y2: "high", fill: "currentColor", fillOpacity: 0.08 }) : null,
    barY(bars, { x: "x", y1: from, y2: "mean", fill: (b: Bar) => colourOf(b.place), fillOpacity: 0.55, stroke: (b: Bar) => colourOf(b.place), insetLeft: narrow ? 1 : 8, insetRight: narrow ? 1 : 8 }),
    base ? ruleY([base], { y: "mean", stroke: "currentColor", strokeDasharray: "5,3", strokeOpacity: 0.75 }) : null,
    ruleX(bars, { x: "x", y1: "low", y2: "high", stroke: "currentColor", strokeWidth: 1.3 }),
    ...(["low", "high"] as const).map((end) => tickY(bars.filter((b) => b.high > b.low), { x: "x", y: end, stroke: "currentColor", strokeWidth: 1.3, insetLeft: 3 * spread, insetRight: 3 * spread })),
    ...bars.flatMap((bar) => bar.dots.map((value, i) => dot([{ x: bar.x, value }], { x: "x", y: "value", r: 3, dx: (i - (bar.dots.length - 1) / 2) * spread, fill: "var(--paper)", stroke: colourOf(bar.place), strokeWidth: 1.5 }))),
    text(bars, { x: "x", y: (b: Bar) => Math.max(b.high, ...b.dots), text: (b: Bar) => b.mark ?? "", dy: -9, fontWeight: 600, lineAnchor: "bottom", fill: "currentColor", stroke: "var(--paper)", strokeWidth: 4 }),
    narrow ? null : text(bars, { x: "x", y: from, text: (b: Bar) => b.mean.toFixed(1), dy: -6, lineAnchor: "bottom", stroke: "var(--paper)", strokeWidth: 3, fill: "currentColor" }),
    ruleY([from]),
  ];
  const panel = chart(`${task.title}, ${task.metric} in percent: ${task.arms.map(spoken).join("; ")}.`, {
    width: Math.max(440, 90 + 46 * bars.length),
    height: narrow ? 340 : 290,
    marginBottom: narrow ? 96 : 38,
    x: { domain: bars.map((b) => b.x), label: null, tickRotate: narrow ? -50 : 0, tickSize: 0, padding: bars.length === 1 ? 0.6 : 0.15 },
    y: { domain: [from, to], label: `${task.metric}, %`, grid: true, ticks: 5, labelAnchor: "top" },
    marks,
  });
  return { panel: html`<div class="panel"><p class="panel-title">${task.title}</p>${panel}</div>`, from };
}

function barOf({ init, place, cell, trials, comparison }: Arm): Bar[] {
  const { mean, sd } = cell.headline;
  if (mean === null || !Number.isFinite(mean)) return [];
  const dots = trials.map((trial) => trial.headline).filter((v): v is number => typeof v === "number" && Number.isFinite(v)).map((v) => v * 100);
  return [{ x: short(init), place, mean: mean * 100, low: (mean - (sd ?? 0)) * 100, high: (mean + (sd ?? 0)) * 100, dots, mark: comparison?.mark ? signed(comparison.mark) : null }];
}

/**
 * Ends of the axis in percent. From the metric's floor (chance, for an AUC), unless all scores lie so close together that their
 * differences would not show: then from a round number below them, which the caption states.
 */
export function axis(bars: readonly Pick<Bar, "low" | "high" | "dots">[], chance: number): [from: number, to: number] {
  const low = Math.min(...bars.flatMap((b) => [b.low, ...b.dots]));
  const high = Math.max(...bars.flatMap((b) => [b.high, ...b.dots]));
  const floor = low >= chance ? chance : 0;
  const range = Math.max(high - low, 0.5);
  const step = [0.5, 1, 2, 5, 10, 20].find((s) => s * 3 >= range) ?? 20;
  const from = bars.length > 1 && range < 0.25 * (high - floor) ? Math.max(floor, Math.floor((low - range) / step) * step) : floor;
  return [from, Math.max(from + 1, Math.min(100, high + 0.08 * (high - from)))];
}

const spoken = ({ init, cell, comparison }: Arm): string =>
  `${init} ${meanSd(cell.headline, 1)} over ${cell.headline.n} ${cell.headline.n === 1 ? "trial" : "trials"}${comparison?.test ? `, ${percent(comparison.difference, 1)} points from the baseline, ${pRelation(comparison.test.student.p)}` : ""}`;
