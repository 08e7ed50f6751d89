import { parseHTML } from "linkedom/worker";
import { describe, expect, it } from "vitest";
import { fixtureReport } from "./report/report.fixture.ts";
import { reportHtml } from "./report-html.ts";
import type { Report } from "./results.ts";

const report = fixtureReport();
const text = reportHtml(report);
const open = (page: string): Document => parseHTML(page).document as unknown as Document;
const page = open(text);
const words = (root: Element | Document = page): string => (("body" in root ? root.body : root).textContent ?? "").replace(/\s+/g, " ");
const table = (label: string): string[][] =>
  [...page.querySelectorAll(`[aria-label="${label}"] tbody tr`)].map((row) => [...row.querySelectorAll("th, td")].map((cell) => (cell.textContent ?? "").trim()));

describe("reportHtml", () => {
  it("shows the numbers of report.json: a row for each cell", () => {
    expect(table("Test scores")).toMatchInlineSnapshot(`
      [
        [
          "Plane of a sliceMean AUC",
          "random",
          "3",
          "67.76 ± 4.60",
          "62.48 to 70.87",
          "−26.25",
          "−***",
          "−31.09 to −21.97",
          "0.00089",
          "0.0034",
        ],
        [
          "imagenet",
          "3",
          "94.02 ± 2.26",
          "91.59 to 96.06",
          "baseline",
          "–",
          "–",
          "–",
          "–",
        ],
        [
          "Brain extractionDice, pooled",
          "random",
          "3",
          "71.49 ± 11.17",
          "59.56 to 81.71",
          "−12.46",
          "ns",
          "−23.86 to −2.24",
          "0.14",
          "0.18",
        ],
        [
          "imagenet",
          "3",
          "83.95 ± 3.83",
          "80.99 to 88.28",
          "baseline",
          "–",
          "–",
          "–",
          "–",
        ],
      ]
    `);
  });

  it("has a chart of each kind for each task, and all five figures in order", () => {
    const charts = [...page.querySelectorAll("figure:not(.table)")].map((f) => `${f.querySelector("figcaption b")?.textContent} ${f.querySelectorAll('svg[role="img"]').length} ${f.querySelectorAll("table").length}`);
    expect(charts).toEqual(["Figure 1. 2 0", "Figure 2. 2 0", "Figure 3. 3 0", "Figure 4. 0 2", "Figure 5. 24 1"]);
  });

  it("says in words what the comparison found", () => {
    expect(words(page.querySelector(".findings") as Element)).toMatchInlineSnapshot(`"Plane of a slice. random scores 67.76 ± 4.60, 26.25 points below imagenet at 94.02 ± 2.26 (95 % CI of the difference −31.09 to −21.97; p = 0.00089, n = 3 and 3).Brain extraction. random scores 71.49 ± 11.17, 12.46 points below imagenet at 83.95 ± 3.83 (95 % CI of the difference −23.86 to −2.24; p = 0.14, n = 3 and 3)."`);
  });

  it("counts instead of listing where there are many comparisons", () => {
    const many = open(reportHtml(fixtureReport({ inits: ["random", "imagenet", "a", "b", "c"], trials: 2 })));
    expect(words(many.querySelector(".findings") as Element)).toMatch(/^Plane of a slice\. 4 compared with imagenet\. Above it: .+\. Below it: random\. The others do not differ at p < 0\.05\./);
  });

  it("is read without a network or a script, and says so to the browser", () => {
    expect(text).not.toMatch(/<script|\son\w+=|https?:|@import|<link|<iframe/i);
    expect([...page.querySelectorAll("[src]")]).toEqual([]);
    for (const used of [...page.querySelectorAll("[href]")].map((e) => e.getAttribute("href"))) expect(used).toMatch(/^(#|data:image\/png;base64,)/);
    expect(page.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute("content")).toContain("default-src 'none'");
  });

  it("can be read by ear: every picture has a text, every column and row a head, every table to scroll a name", () => {
    for (const svg of page.querySelectorAll("svg:not([aria-hidden])")) expect([svg.getAttribute("role"), svg.getAttribute("aria-label")]).toEqual(["img", expect.stringMatching(/\w{3}/)]);
    for (const head of page.querySelectorAll("th")) expect(head.getAttribute("scope")).toMatch(/^(col|row|colgroup|rowgroup)$/);
    for (const region of page.querySelectorAll(".scroll")) expect([region.getAttribute("role"), region.getAttribute("tabindex")]).toEqual(["region", "0"]);
    expect(page.documentElement.getAttribute("lang")).toBe("en");
  });

  it("points only at what is there, and names nothing twice", () => {
    const ids = [...page.querySelectorAll("[id]")].map((e) => e.id);
    expect(new Set(ids).size).toBe(ids.length);
    const used = [...text.matchAll(/(?:href="#|url\(#)([\w-]+)/g)].map((m) => m[1] ?? "");
    expect(used.length).toBeGreaterThan(0);
    for (const id of used) expect(ids).toContain(id);
  });

  it("draws the same page from report.json as from the report", () => {
    expect(reportHtml(JSON.parse(JSON.stringify(report)) as Report)).toBe(text);
  });

  it("says first that an initialisation could not be had, and compares nothing", () => {
    const alone = open(reportHtml(fixtureReport({ trials: 1, unavailable: { imagenet: "the package could not be fetched: offline." } })));
    expect(words(alone.querySelector("header .notice") as Element)).toBe("imagenet could not be had: the package could not be fetched: offline. Nothing is compared; random ran alone.");
    expect(alone.querySelector(".findings")).toBeNull();
    expect(words(alone)).toContain("Nothing was compared");
  });

  const nothing = (r: Report): Report => ({ ...r, trials: [], cells: [], comparisons: [], data: {} });
  const nulls = (r: Report): Report => ({
    ...r,
    cells: r.cells.map((c) => ({ ...c, headline: { n: 0, mean: null, sd: null, populationSd: null, median: null, min: null, max: null }, interval: null })),
    comparisons: r.comparisons.map((c) => ({ ...c, difference: null, test: null, mark: null, interval: null })),
    trials: r.trials.map((t) => ({
      ...t, headline: null, model: null, losses: t.losses.map(() => Number.NaN), epochs: t.epochs.map((e) => ({ ...e, validationLoss: Number.NaN })), predictions: null, examples: [],
      scores: t.scores.kind === "classification" ? { ...t.scores, auc: t.scores.auc.map(() => null), meanAuc: null, sensitivity: [null, null, null], specificity: [null, null, null], confusion: null } : { ...t.scores, diceMean: null, iouMean: null, sensitivity: null, specificity: null },
    })),
  });

  it.each([
    ["one trial a cell", fixtureReport({ trials: 1 })],
    ["one initialisation", fixtureReport({ inits: ["random"] })],
    ["no trial at all", nothing(report)],
    ["scores that are undefined", nulls(report)],
    ["no epochs", { ...report, trials: report.trials.map((t) => ({ ...t, epochs: [], losses: [], bestEpoch: -1 })) }],
    ["tasks that the configuration does not name", { ...report, config: { ...report.config, tasks: {} } }],
    ["an adapter without a name", { ...report, environment: { ...report.environment, commit: null, adapter: { vendor: "", architecture: "", device: "", description: "", software: false, toggles: [] } } }],
  ])("shows a dash, never NaN, for %s", (_, odd) => {
    const made = reportHtml(odd);
    expect(made.replace(/data:image[^"]*/g, "")).not.toMatch(/NaN|undefined|Infinity|\[object|null(?!,|\n)/);
    expect(open(made).querySelector("h1")?.textContent).toBe(report.config.title);
  });

  const hostile = `</td></style></svg><script>alert(1)</script>" onload='x' \u202e\u0000&amp;`;
  const attacked = reportHtml({
    ...fixtureReport({ inits: [hostile, "imagenet"], classes: [hostile, `${hostile}2`, "c"], file: (i) => `${hostile}${i}`, unavailable: {} }),
    unavailable: { [hostile]: hostile },
    sources: { [hostile]: hostile },
    environment: { roentgen: hostile, commit: hostile, runtime: hostile, system: hostile, adapter: { vendor: hostile, architecture: hostile, device: hostile, description: hostile, software: true, toggles: [hostile] } },
  });

  it("shows names that are markup as text", () => {
    const bare = attacked.replace(/data:image[^"]*/g, "");
    expect(bare).not.toMatch(/<script/i);
    const parsed = open(attacked);
    expect(parsed.querySelectorAll("script, [onload]").length).toBe(0);
    expect(parsed.querySelectorAll("style").length).toBe(1 + parsed.querySelectorAll("svg > style").length);
    expect(parsed.querySelectorAll("h2").length).toBe(page.querySelectorAll("h2").length);
    expect(words(parsed)).toContain("<script>alert(1)</script>");
  });

  it.each([
    ["a picture elsewhere", { image: "https://example.org/a.png" }],
    ["markup for a picture", { prediction: 'data:image/png;base64,AA=="/><script>' }],
    ["a size that is no size", { width: Number.NaN }],
  ])("leaves out %s", (_, change) => {
    const made = reportHtml({ ...report, trials: report.trials.map((t) => ({ ...t, examples: t.examples.map((e) => ({ ...e, ...change })) })) });
    expect(made).not.toMatch(/example\.org|<script|NaN/);
    expect(open(made).querySelector(".masks")).toBeNull();
  });
});
