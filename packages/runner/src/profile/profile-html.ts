// A profile as a page: one file without scripts, drawn from the report alone. Boxes and points say more when pointed at.

import { readableBytes } from "@roentgen/gpu";
import { html, Markup, type Content } from "../report/html.ts";
import { pageOf } from "../report/page.ts";
import type { Comparison } from "./compare.ts";
import { flame, type FlameBox } from "./flame.ts";
import { memoryCharts } from "./memory-chart.ts";
import { memorySums } from "./memory-timeline.ts";
import { adapterName, choiceText, loadText, methodText, type ProfileReport, titleOf, togglesText } from "./profile-report.ts";
import { bandwidthChart, boundColour, rooflineChart } from "./roofline.ts";
import { ceilingTable, ceilingText, comparisonTables, percent, profileTables, type Table } from "./tables.ts";

/** Rows of the tables of layers and dispatches. */
const mostRows = 60;

/** The whole page. Needs no network, no script and no DOM; runs in Node, a tab or a worker. */
export function profileHtml(report: ProfileReport, comparison: Comparison | null = null): string {
  const { adapter, plain, totalMs, roofMs, workload, memory } = report;
  let figures = 0;
  const figure = (body: Content, caption: Content) => html`<figure>${body}<figcaption><b>Figure ${++figures}.</b> ${caption}</figcaption></figure>`;
  const title = `Profile: ${titleOf(workload)}`;
  const roofline = rooflineChart(report);
  const bandwidth = bandwidthChart(report);
  const charts = memoryCharts(report);
  const sums = memorySums(memory);
  return pageOf({
    title,
    rules: ownStyle,
    byline: html`${report.dispatches.length} dispatches on ${adapterName(adapter)}${adapter.software ? ", a software adapter" : ""}. ${methodText(report)} roentgen ${report.roentgen}.`,
    main: html`<dl class="figures"><dt>On the device</dt><dd>${totalMs.toFixed(2)} ms, ${imagesPerSecond(workload.batch, totalMs)} images/s without gaps</dd>
<dt>A plain run</dt><dd>${plain.wallMs.toFixed(2)} ms, of which the host encodes ${plain.encodeMs.toFixed(3)} ms (${((1000 * plain.encodeMs) / Math.max(1, report.dispatches.length)).toFixed(2)} µs a dispatch) and submits ${plain.submitMs.toFixed(3)} ms; ${plain.leastMs.toFixed(2)} to ${plain.mostMs.toFixed(2)} ms over all plain runs</dd>
<dt>The ceilings allow</dt><dd>${roofMs.toFixed(2)} ms: the step reaches ${percent(totalMs > 0 ? roofMs / totalMs : 0)} of them</dd>
<dt>Ceilings, measured here</dt><dd>${ceilingText(report.ceilings)}</dd></dl>
${warningList(report)}
${comparison && comparisonPart(comparison)}
<h2>Roofline</h2>
${figure(html`${boundLegend}<div class="panels wide">${[roofline, bandwidth].map((drawn) => drawn && html`<div class="panel">${drawn}</div>`)}</div>`, html`Left: kernels by operations for each byte; areas are shares of the time, lines the measured ceilings, dashed those of caches and of f16. Right: every dispatch by the bytes it moves; the dashed line is a plain copy of each size. Bytes are ranges as bound, each once, or what the op says. What fits a cache is held against the best copy of its size or above, not against memory.`)}
<h2>Flame</h2>
${figure(flameView(flame(report.dispatches, titleOf(workload))), "Time by phase, module, op and kernel: widths are time on the device, colours what share of it the ceilings need.")}
<h2>Memory</h2>
${charts ? figure(html`<div class="scroll"><div class="memory">${charts[0]}${charts[1]}</div></div>`, html`Above: bytes whose values are still needed, ${readableBytes(memory.peakLiveBytes)} at the peak; dashed: what the plan’s ${memory.slots.length} slots hold, ${readableBytes(sums.slots)}; grey: ${readableBytes(sums.beside)} in textures that kernels read as images and in parameters of dispatches, so that the plan has ${readableBytes(memory.bytes)} in all. Below: the slots, largest first, and what lives in them from dispatch to dispatch; a box is darker as far as its tenant fills the slot. Rows are not to scale: the largest are higher by the square root of their bytes, the smallest all alike. Beside the plan: ${readableBytes(sums.persistent)} in ${memory.persistent.length} persistent buffers.`) : html`<p>The plan has no memory of its own.</p>`}
<h2>Tables</h2>
${profileTables(report, mostRows).map((table, i) => (i < 3 ? tableHtml(table) : html`<details><summary>${table.title}</summary>${tableHtml(table)}</details>`))}
<details><summary>How the ceilings were found</summary>${tableHtml(ceilingTable(report))}</details>
<h2>Environment</h2>
<dl><dt>Adapter</dt><dd>${adapterName(adapter)}</dd><dt>Vendor, architecture, device</dt><dd>${[adapter.vendor, adapter.architecture, adapter.device].map((part) => part || "–").join(", ")}</dd>
<dt>Kind</dt><dd>${adapter.software ? "software: computes on the processor" : "GPU"}</dd><dt>Dawn toggles</dt><dd>${togglesText(adapter)}</dd><dt>Runtime</dt><dd>${report.runtime}</dd>
<dt>Kernels</dt><dd>${choiceText(report.choice).replace("kernels: ", "")}</dd><dt>Load</dt><dd>${loadText(report) ?? "not known here"}</dd></dl>`,
  });
}

const imagesPerSecond = (batch: number, ms: number): string => (ms > 0 ? ((1000 * batch) / ms).toFixed(1) : "–");

function warningList({ warnings }: ProfileReport): Markup {
  if (warnings.length === 0) return html`<p>No kernel of weight is below a fifth of its roof.</p>`;
  return html`<ul class="warnings">${warnings.map(({ what, lookAt }) => html`<li><b>${what}.</b>${lookAt.length > 0 ? html` Look at: ${lookAt.join("; ")}.` : null}</li>`)}</ul>`;
}

function comparisonPart(comparison: Comparison): Markup {
  return html`<h2>Before and after</h2>
${comparison.differences.map((text) => html`<p class="notice" role="note">Not the same ${text}.</p>`)}
${comparisonTables(comparison, mostRows).map((table, i) => (i < 2 ? tableHtml(table) : html`<details><summary>${table.title}</summary>${tableHtml(table)}</details>`))}`;
}

export const tableHtml = ({ title, heads, rows }: Table): Markup => html`<figure class="table"><figcaption><b>${title}</b></figcaption><div class="scroll"><table aria-label="${title}">
<thead><tr>${heads.map(({ text, right }) => html`<th${right ? null : new Markup(' class="left"')}>${text}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, i) => html`<td${heads[i]?.right ? null : new Markup(' class="left"')}>${cell}</td>`)}</tr>
`)}</tbody></table></div></figure>`;

const boundLegend: Markup = html`<ul class="legend">${Object.entries(boundColour).map(([bound, colour]) => html`<li><svg width="14" height="12" aria-hidden="true"><circle cx="6" cy="6" r="5" fill="${colour}"/></svg>${bound} roof nearest</li>`)}</ul>`;

/** Boxes narrower than this share of the widest zoom show nothing. */
const leastWidth = 0.0002;

/** Share of the roof as one of five colours. */
const heat = (ofRoof: number): number => [0.1, 0.2, 0.4, 0.7].filter((edge) => ofRoof >= edge).length;

function flameView(boxes: readonly FlameBox[]): Markup {
  const shown = boxes.filter((box) => box.width >= leastWidth);
  const depth = Math.max(0, ...shown.map((box) => box.depth));
  const share = (value: number) => `${(100 * value).toFixed(4)}%`;
  const zooms = [1, 3, 10];
  return html`<div class="flame">${zooms.map((zoom, i) => html`<input type="radio" name="zoom" id="zoom-${zoom}"${i === 0 ? new Markup(" checked") : null}><label for="zoom-${zoom}">${zoom} ×</label>`)}
<span class="heat">${[0, 1, 2, 3, 4].map((level) => html`<i class="h${level}"></i>${["below 10 %", "20 %", "40 %", "70 %", "above"][level] ?? ""}`)}</span>
<div class="scroll"><div class="boxes" role="img" aria-label="Flame graph, ${shown.length} boxes" style="height:${1.35 * (depth + 1)}rem">${shown.map((box) => html`<div class="h${heat(box.ofRoof)}" style="left:${share(box.from)};width:${share(box.width)};top:${(1.35 * box.depth).toFixed(2)}rem" title="${boxText(box)}">${box.name}</div>`)}</div></div></div>`;
}

const boxText = ({ name, timeMs, width, dispatches, ofRoof }: FlameBox): string => `${name}\n${timeMs.toFixed(3)} ms, ${percent(width)} of the time, ${dispatches} dispatches\n${percent(ofRoof)} of its roof`;

const ownStyle = new Markup(`
:root { --h0: #f6b0a4; --h1: #f9cf9c; --h2: #f3e7a3; --h3: #cbe3a8; --h4: #9fd3a6; }
@media (prefers-color-scheme: dark) { :root { --h0: #7d2e22; --h1: #7a4a12; --h2: #665a14; --h3: #405c1e; --h4: #1f5a32; } }
.warnings { background: var(--notice); border-left: 4px solid var(--notice-line); padding: .6rem 1rem .6rem 2rem; }
.warnings li { margin: .35rem 0; }
.figures dd { font-variant-numeric: tabular-nums; }
.memory { min-width: 44rem; }
.flame { font: .78rem/1.2 system-ui, sans-serif; }
.flame label { margin: 0 .8rem 0 .2rem; }
.heat i { display: inline-block; width: 1.1em; height: .9em; margin: 0 .3em 0 .8em; vertical-align: -.1em; }
.flame .boxes { position: relative; width: 100%; margin-top: .5rem; }
#zoom-3:checked ~ .scroll .boxes { width: 300%; }
#zoom-10:checked ~ .scroll .boxes { width: 1000%; }
.flame .boxes div { position: absolute; height: 1.3rem; padding: .1rem 0 0 .2rem; overflow: hidden; white-space: nowrap; color: var(--ink); box-shadow: inset -1px 0 var(--paper); }
.h0 { background: var(--h0); } .h1 { background: var(--h1); } .h2 { background: var(--h2); } .h3 { background: var(--h3); } .h4 { background: var(--h4); }
.panel { max-width: none; }
svg circle[stroke]:hover, svg rect:hover { fill-opacity: 1; }
`);
