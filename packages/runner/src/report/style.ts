// The page's one style sheet. Colours of initialisations are variables, so that charts follow the light or dark scheme.
// They follow Okabe and Ito's colour-blind safe set (2008), darkened on white and lightened on black to a contrast of 3:1;
// past eight, colours repeat and the dash of a line tells.

import { Markup } from "./html.ts";

/** Colours in the order of initialisations: on white, on black. */
const colours: readonly (readonly [light: string, dark: string])[] = [
  ["#c44e00", "#ff9a5c"],
  ["#0067a5", "#5ab8f0"],
  ["#007f5c", "#35c99b"],
  ["#a2457f", "#e896c2"],
  ["#8f6600", "#e3b341"],
  ["#5b3fa8", "#ab95ee"],
  ["#2b8a97", "#7fdbe6"],
  ["#5f6670", "#aeb6c0"],
];

export const colourOf = (place: number): string => `var(--init-${place % colours.length})`;

const dashes = ["", "6,2", "2,2", "8,2,2,2", "1,3", "10,3", "4,1,1,1", "3,3"];

/** Dash of an initialisation's lines: tells them apart without colour. */
export const dashOf = (place: number): string => dashes[(place + Math.floor(place / colours.length)) % dashes.length] ?? "";

const scheme = (which: 0 | 1): string => colours.map((pair, i) => `--init-${i}: ${pair[which]};`).join(" ");

export const style: Markup = new Markup(`
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1d21; --soft: #5b616b; --line: #d9dce1; --wash: #f4f5f7; --notice: #fff4d6; --notice-line: #c28a00; --truth: #ffd23f; --heat: 0, 103, 165; ${scheme(0)} }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14161a; --ink: #e7e9ec; --soft: #a2a9b4; --line: #343941; --wash: #1d2026; --notice: #33290c; --notice-line: #d9a520; --heat: 90, 184, 240; ${scheme(1)} }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 68rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 Charter, "Bitstream Charter", Cambria, Georgia, serif; overflow-wrap: break-word; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; text-wrap: balance; }
h2 { font-size: 1.25rem; margin: 3rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
.byline, figcaption, .note { color: var(--soft); font-size: .88rem; font-weight: 400; }
.notice { background: var(--notice); border-left: 4px solid var(--notice-line); padding: .6rem 1rem; margin: 1rem 0; max-width: none; }
.findings { padding-left: 1.2rem; max-width: 46rem; }
.findings li { margin: .3rem 0; }
figure { margin: 1rem 0 1.5rem; }
figcaption { margin-top: .6rem; max-width: 50rem; }
figcaption b { color: var(--ink); }
.panels { display: grid; gap: 1.25rem 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); align-items: end; }
.panels.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); }
.panels.small { grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
.panel-title { margin: 0 0 .25rem; font: 600 .86rem/1.3 system-ui, sans-serif; }
.panel { min-width: 0; max-width: 34rem; }
svg[class^="plot"] { --plot-background: var(--paper); display: block; width: 100%; height: auto; overflow: visible; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: .25rem 0 .9rem; padding: 0; list-style: none; font: .84rem/1.4 system-ui, sans-serif; }
.legend svg { vertical-align: middle; margin-right: .4rem; }
.scroll { overflow-x: auto; }
.table figcaption { margin: 0 0 .5rem; }
table { border-collapse: collapse; font: .86rem/1.4 system-ui, sans-serif; font-variant-numeric: tabular-nums; border-top: 1.5px solid var(--ink); border-bottom: 1.5px solid var(--ink); }
th, td { padding: .28rem .48rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; }
thead th { border-bottom: 1px solid var(--ink); vertical-align: bottom; }
tbody th, .left, .left th, .left td { text-align: left; }
tbody tr.group > * { border-top: 1px solid var(--line); }
.wrap { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
.best { font-weight: 700; }
.swatch { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin-right: .45em; }
.confusion { border: 0; }
.confusion td { text-align: center; min-width: 3.6rem; border: 1px solid var(--paper); }
.confusion thead th { border: 0; text-align: center; font-weight: 400; }
.confusion tbody th { font-weight: 400; text-align: right; }
.confusion small { display: block; color: inherit; opacity: .75; }
.masks { border: 0; }
.masks th, .masks td { padding: .2rem .3rem; text-align: center; font-weight: 400; vertical-align: top; }
.masks thead th { border: 0; font-weight: 600; vertical-align: bottom; }
.masks small { font-weight: 400; }
.masks tbody th { text-align: left; white-space: normal; min-width: 6.5rem; max-width: 9rem; overflow-wrap: anywhere; color: var(--soft); font-size: .78rem; }
.masks svg { display: block; width: 8.6rem; height: auto; background: #000; }
.masks span { font-size: .8rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; font-size: .92rem; margin: .75rem 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
code, pre { font: .82rem/1.45 ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { background: var(--wash); padding: 1rem; overflow-x: auto; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--soft); }
@media (max-width: 36rem) {
  body { padding: 1.25rem .9rem 3rem; }
  h1 { font-size: 1.5rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  th, td { padding: .28rem .5rem; }
  .masks svg { width: 6.4rem; }
}
@media print { details > *, details { display: block; } body { max-width: none; } figure, tr { break-inside: avoid; } }
`);
