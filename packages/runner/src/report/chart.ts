// Observable Plot on a document of linkedom's, so that charts are drawn the same in Node, in a tab and in a worker.

import { plot, type PlotOptions } from "@observablehq/plot";
// The worker build is one file without Node's modules or an optional canvas.
import { parseHTML } from "linkedom/worker";
import { escapeHtml, Markup, plain } from "./html.ts";

/** What is common to all charts: readable on paper and on a phone. */
const common: PlotOptions = { marginTop: 26, marginRight: 12, marginBottom: 38, marginLeft: 46, style: { fontSize: "11.5px", fontFamily: "system-ui, sans-serif", overflow: "visible" } };

/** A chart as inline SVG. `label` is what a reader hears instead of seeing it. */
export function chart(label: string, options: PlotOptions): Markup {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const drawn = plot({ ...common, ...options, document: document as unknown as Document });
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", "chart");
  // linkedom leaves "<" in attributes as it is; browsers read that well, but no name from a file shall depend on it.
  return new Markup(drawn.outerHTML.replace('aria-label="chart"', () => `aria-label="${escapeHtml(label)}"`));
}

/** A name short enough for an axis. */
export const short = (name: string, most = 24): string => {
  const text = plain(name).replace(/\s+/g, " ");
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
};
