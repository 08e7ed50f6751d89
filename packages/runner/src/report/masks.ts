// Predicted masks over images: one row a test image, one column an initialisation. Masks are drawn by SVG from the embedded
// PNGs: a filter turns a mask's border into a line, so no pixel is decoded here.

import type { MaskExample } from "../results.ts";
import type { TaskView } from "./arrange.ts";
import { embeddedPng, html, type Markup } from "./html.ts";
import { percent } from "./numbers.ts";
import { colourOf } from "./style.ts";

/** Turns what is bright into a line along its border, in the colour of the element. */
export const outlineFilter: Markup = html`<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<filter id="outline" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB"><feColorMatrix type="luminanceToAlpha"/><feMorphology operator="dilate" radius="0.5" result="outer"/><feMorphology in="outer" operator="erode" radius="1" result="inner"/><feFlood flood-color="#ffd23f"/><feComposite in2="outer" operator="in"/><feComposite in2="inner" operator="out"/></filter>
</defs></svg>`;

const safe = (e: MaskExample): boolean =>
  [e.image, e.truth, e.prediction].every((uri) => embeddedPng(uri) !== null) && [e.width, e.height].every((n) => Number.isInteger(n) && n > 0 && n <= 8192);

/** The table of one task, from the first trial of each initialisation that has examples; null without any. */
export function maskTable(task: TaskView, prefix: string): Markup | null {
  const columns = task.arms.flatMap(({ init, place, trials }) => {
    const trial = trials.find((t) => t.examples.some(safe));
    return trial ? [{ init, place, trial, run: trials.indexOf(trial) + 1 }] : [];
  });
  const files = [...new Set(columns.flatMap(({ trial }) => trial.examples.filter(safe).map((e) => e.file)))];
  if (files.length === 0) return null;
  const rows = files.map((file, row) => {
    const found = columns.map(({ trial }) => trial.examples.find((e) => e.file === file && safe(e)));
    const first = found.find((e) => e !== undefined) as MaskExample;
    const id = `${prefix}-${row}`;
    // Image and truth are embedded once; the other columns point at them.
    const size = html`width="${first.width}" height="${first.height}"`;
    const image = html`<image id="${id}-image" ${size} href="${first.image}"/>`;
    const truth = html`<image id="${id}-truth" ${size} href="${first.truth}" filter="url(#outline)"/>`;
    const use = (what: string) => html`<use href="#${id}-${what}"/>`;
    const picture = (label: string, ...content: Markup[]) =>
      html`<svg viewBox="0 0 ${first.width} ${first.height}" role="img" aria-label="${label}">${content}</svg>`;
    return html`<tr><th scope="row">${file}</th><td>${picture(`Test image ${file}`, image)}</td><td>${picture(`${file} with the border of the true mask`, use("image"), truth)}</td>${found.map((e, i) => {
      const { init = "", place = 0 } = columns[i] ?? {};
      if (!e) return html`<td>–</td>`;
      const mask = html`<mask id="${id}-${i}"><image ${size} href="${e.prediction}"/></mask><rect ${size} fill="${colourOf(place)}" fill-opacity="0.6" mask="url(#${id}-${i})"/>`;
      return html`<td>${picture(`${file} with the mask predicted from ${init}, Dice ${percent(e.dice, 1)} percent`, use("image"), mask, use("truth"))}<span>Dice ${percent(e.dice, 1)}</span></td>`;
    })}</tr>`;
  });
  return html`<div class="scroll" role="region" aria-label="Masks, ${task.title}" tabindex="0"><table class="masks"><thead><tr><th scope="col">File</th><th scope="col">Image</th><th scope="col">Truth</th>${columns.map(({ init, place, run }) => html`<th scope="col"><span class="swatch" style="background:${colourOf(place)}"></span>${init}<br><small>trial ${run}</small></th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}
