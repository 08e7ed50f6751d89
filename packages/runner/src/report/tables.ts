// The tables of the page. Scores are in percent unless a head says otherwise.

import type { Report, TrialResult } from "../results.ts";
import { bestPlace, ended, over, type TaskView } from "./arrange.ts";
import { type Content, html, type Markup } from "./html.ts";
import { areFew, duration, fewTrials, interval, meanSd, NONE, percent, points, pValue, signed } from "./numbers.ts";
import { colourOf } from "./style.ts";

const swatch = (place: number): Markup => html`<span class="swatch" style="background:${colourOf(place)}"></span>`;
/** A table with its caption; wide ones scroll by themselves, by keyboard too. */
const captioned = (label: string, caption: Content, table: Markup): Markup =>
  html`<figure class="table"><figcaption>${caption}</figcaption><div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div></figure>`;

/** The result: one row for each cell, the best mean of a task in bold. */
export function headlineTable(tasks: readonly TaskView[]): Markup {
  const rows = tasks.flatMap((task) => {
    const best = Math.max(...task.arms.map((arm) => arm.cell.headline.mean ?? Number.NEGATIVE_INFINITY));
    return task.arms.map(({ init, place, cell, comparison }, i) => {
      const test = comparison?.test;
      const isBest = task.arms.length > 1 && cell.headline.mean === best;
      return html`<tr${i === 0 ? html` class="group"` : ""}>
${i === 0 ? html`<th scope="rowgroup" rowspan="${task.arms.length}" class="wrap">${task.title}<br><span class="note">${task.metric}</span></th>` : ""}
<th scope="row" class="left">${swatch(place)}${init}</th><td>${cell.headline.n}</td><td${isBest ? html` class="best"` : ""}>${meanSd(cell.headline)}</td><td>${interval(cell.interval)}</td>
<td>${init === task.baseline ? "baseline" : points(comparison?.difference)}</td><td class="left">${comparison?.mark ? signed(comparison.mark) : NONE}</td><td>${interval(comparison?.interval)}</td><td>${pValue(test?.student.p)}</td><td>${pValue(test?.welch.p)}</td></tr>`;
    });
  });
  return captioned("Test scores", html`<b>Table 1.</b> Test scores in percent, mean ± standard deviation (n − 1) over trials; 95 % bootstrap intervals of the mean and of the difference from the baseline; two-sided p. The mark follows Student’s p.${tasks.some(({ arms }) => arms.some(({ cell }) => areFew(cell))) ? ` ${fewTrials}` : ""}`, html`<table><thead><tr><th scope="col" class="left">Task</th><th scope="col" class="left">Init</th><th scope="col">n</th><th scope="col">Mean ± SD</th><th scope="col">95 % CI</th><th scope="col">Difference</th><th scope="col" class="left">Mark</th><th scope="col">95 % CI of it</th><th scope="col">p, Student</th><th scope="col">p, Welch</th></tr></thead>
<tbody>${rows}</tbody></table>`);
}

/** Rows of scores against initialisations. */
function scoreTable(task: TaskView, caption: Content, first: string, rows: readonly { name: string; cells: readonly ((trial: TrialResult) => number | null | undefined)[] }[], columns: readonly string[]): Markup {
  return captioned(`Scores, ${task.title}`, caption, html`<table><thead>
<tr><th scope="col" class="left" rowspan="2">${first}</th>${task.arms.map(({ init, place }) => html`<th scope="colgroup" colspan="${columns.length}">${swatch(place)}${init}</th>`)}</tr>
<tr>${task.arms.map(() => columns.map((column) => html`<th scope="col">${column}</th>`))}</tr></thead>
<tbody>${rows.map(({ name, cells }) => html`<tr><th scope="row">${name}</th>${task.arms.map(({ trials }) => cells.map((score) => html`<td>${meanSd(over(trials, score))}</td>`))}</tr>`)}</tbody></table>`);
}

/** AUC, sensitivity and specificity of each class. */
export function classTable(task: TaskView): Markup | null {
  const scores = task.arms.flatMap((arm) => arm.trials)[0]?.scores;
  if (scores?.kind !== "classification") return null;
  const of = (pick: (s: Extract<TrialResult["scores"], { kind: "classification" }>) => number | null | undefined) => (trial: TrialResult) => (trial.scores.kind === "classification" ? pick(trial.scores) : null);
  const rows = scores.classes.map((name, c) => ({ name, cells: [of((s) => s.auc[c]), of((s) => s.sensitivity[c]), of((s) => s.specificity[c])] }));
  const mean = (values: readonly (number | null)[]) => {
    const defined = values.filter((v) => v !== null);
    return defined.length > 0 ? defined.reduce((sum, v) => sum + v, 0) / defined.length : null;
  };
  const all = scores.classes.length > 1 ? [{ name: "mean", cells: [of((s) => s.meanAuc), of((s) => mean(s.sensitivity)), of((s) => mean(s.specificity))] }] : [];
  return scoreTable(task, html`<b>${ended(task.title)}</b> Each class against the rest, percent, mean ± SD over trials. AUC counts ties half; a class with one value only has none.`, "Class", [...rows, ...all], ["AUC", "Sensitivity", "Specificity"]);
}

/** Overlap scores, pooled over all pixels and per image. */
export function overlapTable(task: TaskView): Markup | null {
  if (task.kind !== "segmentation") return null;
  const of = (pick: (s: Extract<TrialResult["scores"], { kind: "segmentation" }>) => number | null) => [(trial: TrialResult) => (trial.scores.kind === "segmentation" ? pick(trial.scores) : null)];
  const rows = [
    { name: "Dice, pooled", cells: of((s) => s.dicePooled) },
    { name: "Dice, mean of images", cells: of((s) => s.diceMean) },
    { name: "IoU, pooled", cells: of((s) => s.iouPooled) },
    { name: "IoU, mean of images", cells: of((s) => s.iouMean) },
    { name: "Sensitivity", cells: of((s) => s.sensitivity) },
    { name: "Specificity", cells: of((s) => s.specificity) },
  ];
  return scoreTable(task, html`<b>${ended(task.title)}</b> Overlap of predicted and true masks, percent, mean ± SD over trials. Pooled: all pixels of all test images together.`, "Score", rows, ["mean ± SD"]);
}

/** One confusion matrix for each initialisation, summed over its trials; none for multi-label tasks. */
export function confusionTables(task: TaskView): Markup[] {
  return task.arms.flatMap(({ init, place, trials }) => {
    const matrices = trials.flatMap(({ scores }) => (scores.kind === "classification" && scores.confusion ? [scores.confusion] : []));
    const first = trials[0]?.scores;
    if (matrices.length === 0 || first?.kind !== "classification") return [];
    // A binary task names its positive class only.
    const names = first.classes.length === 1 ? [`not ${first.classes[0]}`, first.classes[0] ?? ""] : first.classes;
    const cell = (row: number, column: number) => matrices.reduce((sum, m) => sum + (m[row]?.[column] ?? 0), 0);
    const rows = names.map((name, row) => {
      const total = names.reduce((sum, _, column) => sum + cell(row, column), 0);
      return html`<tr><th scope="row">${name}</th>${names.map((_, column) => {
        const share = total > 0 ? cell(row, column) / total : 0;
        return html`<td style="background:rgba(var(--heat),${(0.06 + 0.5 * share).toFixed(2)})">${cell(row, column)}<small>${total > 0 ? `${percent(share, 0)} %` : NONE}</small></td>`;
      })}</tr>`;
    });
    return [html`<div class="panel"><p class="panel-title">${swatch(place)}${init}</p><div class="scroll" role="region" aria-label="Confusion matrix, ${init}" tabindex="0"><table class="confusion"><thead><tr><th scope="col"><small>truth ↓ called →</small></th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div></div>`];
  });
}

/** Every trial by itself. */
export function trialTable(tasks: readonly TaskView[]): Markup {
  const trials = tasks.flatMap((task) => task.arms.flatMap((arm) => arm.trials.map((trial, i) => ({ trial, place: arm.place, run: i + 1 }))));
  return captioned("Trials", "Every trial. Score: the task’s headline on the test set, percent.", html`<table><thead><tr><th scope="col" class="left">Task</th><th scope="col" class="left">Init</th><th scope="col">Trial</th><th scope="col">Seed</th><th scope="col">Score</th><th scope="col">Epochs</th><th scope="col">Best epoch</th><th scope="col">Steps</th><th scope="col">Time</th><th scope="col" class="left">Model</th></tr></thead><tbody>${trials.map(({ trial, place, run }) => html`<tr><th scope="row">${trial.task}</th><td class="left">${swatch(place)}${trial.init}</td><td>${run}</td><td>${trial.seed}</td><td>${percent(trial.headline)}</td><td>${trial.epochs.length}</td><td>${bestPlace(trial) ?? NONE}</td><td>${trial.steps}</td><td>${duration(trial.seconds)}</td><td class="left">${trial.model ?? NONE}</td></tr>`)}</tbody></table>`);
}

/** What the tasks were trained and tested on. */
export function dataTable(report: Report): Markup {
  const splits = ["train", "validation", "test"] as const;
  return captioned("Data", "Images and subjects of each split. The hash is SHA-256 over all files.", html`<table><thead><tr><th scope="col" class="left">Task</th><th scope="col" class="left">Data</th>${splits.map((split) => html`<th scope="col">${split}</th><th scope="col" class="left">subjects</th>`)}<th scope="col" class="left">Hash</th></tr></thead><tbody>${Object.entries(report.data).map(([task, data]) => html`<tr><th scope="row">${task}</th><td class="left">${data.name}</td>${splits.map((split) => html`<td>${data.images[split]}</td><td class="left wrap">${subjects(data.subjects[split])}</td>`)}<td class="left"><code title="${data.hash}">${data.hash.slice(0, 16)}</code></td></tr>`)}</tbody></table>`);
}

const subjects = (names: readonly string[]): string => (names.length === 0 ? NONE : names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`);

const augmentation = (augment: Report["config"]["tasks"][string]["augment"]): string => {
  if (typeof augment === "string") return augment;
  const { crop, flip, rotateDegrees } = augment;
  return [crop && `crop to ${percent(crop.area[0], 0)}–${percent(crop.area[1], 0)} %`, flip && `mirror ${flip}`, rotateDegrees && `turn ±${rotateDegrees}°`].filter(Boolean).join(", ") || "none";
};

/** How each task was trained. */
export function settingsTable(report: Report): Markup {
  const rows = Object.entries(report.config.tasks).map(([name, task]) => {
    const { model, optimizer, schedule } = task;
    const net = `${model.kind === "unet" ? "U-Net, " : ""}ResNet-${model.depth}${model.strideOn === "1x1" ? ", stride on 1x1" : ""}${model.freezeStages === null ? "" : `, frozen to stage ${model.freezeStages}`}`;
    const rate = `${optimizer.kind} ${optimizer.lr}${schedule.kind === "constant" ? "" : `, ${schedule.kind}`}${schedule.warmUpEpochs > 0 ? `, ${schedule.warmUpEpochs} warm-up` : ""}`;
    return html`<tr><th scope="row">${name}</th><td class="left">${net}${task.precision === "mixed" ? ", mixed precision" : ""}</td><td>${task.size}</td><td>${task.batch}${task.accumulate > 1 ? ` in ${task.accumulate} parts` : ""}</td><td>${task.epochs}</td><td>${task.patience}</td><td class="left">${task.loss}</td><td class="left">${rate}</td><td class="left wrap">${augmentation(task.augment)}</td></tr>`;
  });
  return captioned("Settings", "How each task was trained. The tested model is the one of the lowest validation loss.", html`<table><thead><tr><th scope="col" class="left">Task</th><th scope="col" class="left">Model</th><th scope="col">Size, px</th><th scope="col">Batch</th><th scope="col">Epochs, at most</th><th scope="col">Patience</th><th scope="col" class="left">Loss</th><th scope="col" class="left">Optimizer and rate</th><th scope="col" class="left">Augmentation</th></tr></thead><tbody>${rows}</tbody></table>`);
}
