// The page around a report: one file without scripts that fetches nothing, with the one style of all reports.

import { type Content, html, type Markup } from "./html.ts";
import { style } from "./style.ts";

export interface Page {
  readonly title: string;
  readonly byline: Content;
  /** Below the byline. */
  readonly notices?: Content;
  readonly main: Markup;
  /** Rules beside the common style: CSS, and no stranger's. */
  readonly rules?: Markup;
}

/** The whole page. Its images can only be embedded ones. */
export const pageOf = ({ title, byline, notices, main, rules }: Page): string => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}${rules}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="byline">${byline}</p>
${notices}
</header>
<main>
${main}
</main>
</body>
</html>
`.text;
