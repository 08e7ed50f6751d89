// Loss of every trial of a task: training steps in the background, validation after each epoch in front.

import { dot, line, type Markish } from "@observablehq/plot";
import type { TrialResult } from "../results.ts";
import { bestPlace, type TaskView } from "./arrange.ts";
import { chart } from "./chart.ts";
import { html, type Markup } from "./html.ts";
import { fixed } from "./numbers.ts";
import { colourOf, dashOf } from "./style.ts";

interface Point {
  readonly epoch: number;
  readonly loss: number;
  readonly trial: string;
}

/** Points drawn of one trial's steps; more are averaged in groups of equal size. */
const mostPoints = 300;

const isPoint = (p: Point): boolean => Number.isFinite(p.loss) && Number.isFinite(p.epoch);

/** A trial that was stopped by hand may end within an epoch. */
const stepsPerEpoch = ({ losses, epochs, stopped }: TrialResult): number => stopped?.stepsPerEpoch ?? losses.length / Math.max(1, epochs.length);

function stepPoints(trial: TrialResult): Point[] {
  const { losses, name } = trial;
  const perEpoch = stepsPerEpoch(trial);
  const group = Math.ceil(losses.length / mostPoints);
  return Array.from({ length: Math.ceil(losses.length / group) }, (_, i) => {
    const some = losses.slice(i * group, (i + 1) * group);
    return { epoch: (i * group + (some.length + 1) / 2) / perEpoch, loss: some.reduce((sum, loss) => sum + loss, 0) / some.length, trial: name };
  }).filter(isPoint);
}

const epochPoints = ({ epochs, name }: TrialResult): Point[] => epochs.map((e, i) => ({ epoch: i + 1, loss: e.validationLoss, trial: name })).filter(isPoint);

/** One panel; null if the task's trials recorded no loss. */
export function lossPanel(task: TaskView): Markup | null {
  const marks: Markish[] = [];
  const strong: Markish[] = [];
  const all: number[] = [];
  for (const { place, trials } of task.arms) {
    const steps = trials.flatMap(stepPoints);
    const epochs = trials.flatMap(epochPoints);
    const best = trials.flatMap((trial) => epochPoints(trial).filter((p) => p.epoch === bestPlace(trial)));
    all.push(...steps.map((p) => p.loss), ...epochs.map((p) => p.loss));
    const stroke = colourOf(place);
    marks.push(line(steps, { x: "epoch", y: "loss", z: "trial", stroke, strokeOpacity: 0.28, strokeWidth: 0.9 }));
    strong.push(line(epochs, { x: "epoch", y: "loss", z: "trial", stroke, strokeWidth: 1.8, strokeDasharray: dashOf(place) || "none" }));
    strong.push(dot(best, { x: "epoch", y: "loss", r: 3.5, fill: stroke, stroke: "var(--paper)" }));
  }
  if (all.length === 0) return null;
  const sorted = Float64Array.from(all).sort();
  const low = sorted[0] ?? 0;
  const high = sorted[sorted.length - 1] ?? 1;
  // A loss that falls by orders of magnitude shows nothing of its end on a linear axis.
  const log = low > 0 && high / low > 20;
  const ends = task.arms.map(({ init, trials }) => `${init} ${trials.map((t) => (t.epochs.length > 0 ? fixed(Math.min(...t.epochs.map((e) => e.validationLoss).filter(Number.isFinite)), 3) : "none")).join(", ")}`);
  const epochs = Math.max(1, ...task.arms.flatMap((arm) => arm.trials.map((t) => Math.ceil(t.losses.length / Math.max(1, stepsPerEpoch(t))))));
  const panel = chart(`${task.title}, loss by epoch. Lowest validation loss of each trial: ${ends.join("; ")}.`, {
    width: 440,
    height: 290,
    x: { label: "Epoch", labelAnchor: "center", labelArrow: "none", ticks: Math.min(6, epochs), domain: [0, epochs] },
    y: { label: log ? "Loss (logarithmic)" : "Loss", grid: true, labelArrow: "none", ticks: 5, ...(log ? { type: "log" as const, tickFormat: "~g" } : { domain: [Math.min(0, low), high] }) },
    marks: [...marks, ...strong],
  });
  return html`<div class="panel"><p class="panel-title">${task.title}</p>${panel}</div>`;
}
