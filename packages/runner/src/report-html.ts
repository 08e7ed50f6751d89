// A report as a page: one file without scripts, drawn from the report alone, so that it can be kept beside its numbers and
// read anywhere. Every text in it passes through the `html` template, which escapes it.

import type { Summary } from "@roentgen/metrics";
import { arrange, ended, missing, type TaskView } from "./report/arrange.ts";
import { barPanel } from "./report/bars.ts";
import { html, type Content, type Markup } from "./report/html.ts";
import { lossPanel } from "./report/loss-curves.ts";
import { maskTable, outlineFilter } from "./report/masks.ts";
import { duration, interval, meanSd, NONE, percent, pRelation } from "./report/numbers.ts";
import { pageOf } from "./report/page.ts";
import { rocPanels } from "./report/roc.ts";
import { colourOf, dashOf } from "./report/style.ts";
import { classTable, confusionTables, dataTable, headlineTable, overlapTable, settingsTable, trialTable } from "./report/tables.ts";
import type { Environment, Report } from "./results.ts";

export { reportTable } from "./report-table.ts";

/** The whole page. Needs no network, no script and no DOM; runs in Node, a tab or a worker. */
export function reportHtml(report: Report): string {
  const { config, environment } = report;
  const tasks = arrange(report);
  const title = config.title ?? config.name;
  // A figure's number is its place among those that are there.
  let figures = 0;
  const figure = (body: Content, caption: Content) => html`<figure>${body}<figcaption><b>Figure ${++figures}.</b> ${caption}</figcaption></figure>`;
  return pageOf({
    title,
    byline: html`${report.trials.length} ${report.trials.length === 1 ? "trial" : "trials"} in ${duration(report.seconds)} on ${adapterName(environment)}${environment.adapter.software ? ", a software adapter" : ""}. roentgen ${environment.roentgen}${environment.commit === null ? "" : html`, commit <code>${environment.commit.slice(0, 12)}</code>`}.`,
    notices: missing(report).map((text) => html`<p class="notice" role="note">${text}</p>`),
    main: html`<h2>Result</h2>
${findings(tasks)}
${headlineTable(tasks)}
${barFigure(tasks, figure)}
<h2>Training</h2>
${lossFigure(tasks, figure)}
<details><summary>Every trial</summary>${trialTable(tasks)}</details>
${tasks.map((task, i) => details(task, i, figure))}
<h2>Data</h2>
${dataTable(report)}
<h2>Configuration</h2>
${settingsTable(report)}
<dl><dt>Trials of each cell</dt><dd>${config.trials}, drawn from the study’s seed ${config.seed}</dd>
<dt>Baseline</dt><dd>${config.baseline ?? NONE}</dd>
${Object.entries(report.sources).map(([init, source]) => html`<dt>Weights, ${init}</dt><dd>${source}</dd>`)}</dl>
<details><summary>The whole configuration</summary><pre>${JSON.stringify(config, null, 2)}</pre></details>
<h2>Environment</h2>
${environmentList(report)}`,
  });
}

type Figure = (body: Content, caption: Content) => Markup;

/** Comparisons that are read one by one; more are counted instead. */
const mostSentences = 6;

/** The comparisons as sentences. */
function findings(tasks: readonly TaskView[]): Markup {
  if (tasks.flatMap((task) => task.arms.filter((arm) => arm.comparison)).length > mostSentences) return counts(tasks);
  const sentences = tasks.flatMap((task) =>
    task.arms.flatMap(({ init, cell, comparison }) => {
      const { difference, test, interval: range } = comparison ?? {};
      const base = task.arms.find((arm) => arm.init === comparison?.baseline)?.cell.headline;
      if (!comparison || !base || difference === null || difference === undefined || cell.headline.mean === null) return [];
      const way = difference === 0 ? "as much as" : `${percent(Math.abs(difference))} points ${difference < 0 ? "below" : "above"}`;
      const evidence = test ? html` (${range ? `95 % CI of the difference ${interval(range)}; ` : ""}${pRelation(test.student.p)}, n = ${test.n[0]} and ${test.n[1]})` : ` (${cell.headline.n < 2 || base.n < 2 ? "one trial is too few for a test" : "no spread, so no test"})`;
      return [html`<li><b>${ended(task.title)}</b> ${init} scores ${score(cell.headline)}, ${way} ${comparison.baseline} at ${score(base)}${evidence}.</li>`];
    }),
  );
  return sentences.length > 0 ? html`<ul class="findings">${sentences}</ul>` : html`<p>Nothing was compared: the table shows each initialisation by itself.</p>`;
}

/** "81.70 ± 0.15", or the mean alone. */
const score = (headline: Summary): string => (headline.sd === null ? percent(headline.mean) : meanSd(headline));

/** Of many comparisons: which initialisations differ from the baseline, task by task. */
function counts(tasks: readonly TaskView[]): Markup {
  const items = tasks.flatMap((task) => {
    const compared = task.arms.flatMap(({ init, comparison }) => (comparison?.test ? [{ init, test: comparison.test }] : []));
    if (compared.length === 0) return [];
    const named = (sign: 1 | -1) => compared.filter(({ test }) => test.student.p < 0.05 && Math.sign(test.difference) === sign).map(({ init }) => init).join(", ") || "none";
    return [html`<li><b>${ended(task.title)}</b> ${compared.length} compared with ${task.baseline}. Above it: ${named(1)}. Below it: ${named(-1)}. The others do not differ at p &lt; 0.05.</li>`];
  });
  return html`<ul class="findings">${items}</ul>`;
}

function legend(tasks: readonly TaskView[]): Markup {
  const arms = new Map(tasks.flatMap((task) => task.arms).map((arm) => [arm.init, arm.place]));
  return html`<ul class="legend">${[...arms].map(([init, place]) => html`<li><svg width="26" height="8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" stroke="${colourOf(place)}" stroke-width="2.5" stroke-dasharray="${dashOf(place)}"/></svg>${init}</li>`)}</ul>`;
}

function barFigure(tasks: readonly TaskView[], figure: Figure): Markup | null {
  const bars = tasks.flatMap((task) => {
    const bar = barPanel(task);
    return bar ? [{ ...bar, task }] : [];
  });
  if (bars.length === 0) return null;
  const cut = bars.filter(({ from }) => from > 0).map(({ task, from }) => `“${task.title}” from ${from} %`);
  const base = tasks.find((task) => task.arms.some((arm) => arm.comparison))?.baseline;
  return figure(
    html`<div class="panels">${bars.map(({ panel }) => panel)}</div>`,
    html`Test scores by initialisation: bars are means, whiskers ±1 SD, circles single trials.${base === undefined ? "" : html` The dashed line and band are the mean and SD of ${base}; marks compare with it, with the sign of the difference: ns p ≥ 0.05, * p &lt; 0.05, ** p &lt; 0.01, *** p &lt; 0.001, **** p &lt; 0.0001 (Student, two-sided, not corrected for several comparisons).`}${cut.length > 0 ? ` The axis does not begin at 0: ${cut.join(", ")}.` : ""}`,
  );
}

function lossFigure(tasks: readonly TaskView[], figure: Figure): Markup | null {
  const panels = tasks.flatMap((task) => lossPanel(task) ?? []);
  if (panels.length === 0) return html`<p>No losses were recorded.</p>`;
  return figure(
    html`${legend(tasks)}<div class="panels wide">${panels}</div>`,
    "Loss of every trial. Faint: training, by step. Strong: validation, after each epoch; the dot is the epoch whose model was tested.",
  );
}

/** One task: curves, masks and tables. */
function details(task: TaskView, place: number, figure: Figure): Markup {
  const curves = rocPanels(task);
  const confusion = confusionTables(task);
  const masks = maskTable(task, `mask-${place}`);
  const several = task.arms.some((arm) => arm.trials.length > 1);
  return html`<h2>${task.title}</h2>
${masks && figure(html`${outlineFilter}${masks}`, `Test images with the border of the true mask (yellow) and the predicted mask (filled), with each image’s own Dice in percent.`)}
${overlapTable(task)}
${curves.length > 0 ? figure(html`${legend([task])}<div class="panels small">${curves}</div>`, html`ROC curves on the test set, each class against the rest.${several ? " Thin: single trials. Strong: their vertical average." : ""} Numbers are areas under the curves${several ? ", mean ± SD" : ""}.`) : null}
${classTable(task)}
${confusion.length > 0 ? figure(html`<div class="panels">${confusion}</div>`, html`Confusion matrices${several ? ", summed over trials" : ""}. Percentages are of a row’s true class.`) : null}`;
}

const adapterName = ({ adapter }: Pick<Environment, "adapter">): string => adapter.description || adapter.device || adapter.vendor || "an unnamed adapter";

function environmentList({ environment: { adapter, runtime, system, roentgen, commit }, tunedKernels, trials }: Report): Markup {
  const checkpointed = trials.filter((trial) => trial.memory?.checkpointing).length;
  const rows: readonly (readonly [string, string])[] = [
    ["Adapter", adapterName({ adapter })],
    ["Vendor, architecture, device", [adapter.vendor, adapter.architecture, adapter.device].map((part) => part || NONE).join(", ")],
    ["Kind", adapter.software ? "software: computes on the processor" : "GPU"],
    ["Dawn toggles", adapter.toggles.join(", ") || "none"],
    ["Kernels", tunedKernels === 0 ? "chosen by prediction" : `chosen by prediction, for ${tunedKernels} shapes by measurement`],
    ...(checkpointed > 0 ? [["Gradient checkpointing", `in ${checkpointed} of ${trials.length} trials, to stay within the memory budget`] as const] : []),
    ["Runtime", runtime],
    ["System", system],
    ["roentgen", `${roentgen}${commit === null ? "" : `, commit ${commit}`}`],
  ];
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}
