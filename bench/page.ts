// Results files as one page without scripts: ratios to the peers over time and adapters, drawn from the files alone. Templates,
// charts and style are the study report's.

import { dot, line, type Markish, ruleX, ruleY } from "@observablehq/plot";
import { chart, short } from "../packages/runner/src/report/chart.ts";
import { type Content, html, Markup } from "../packages/runner/src/report/html.ts";
import { NONE } from "../packages/runner/src/report/numbers.ts";
import { pageOf } from "../packages/runner/src/report/page.ts";
import { colourOf } from "../packages/runner/src/report/style.ts";
import { type BenchmarkResult, cpuRatio, type Figure, ours, ratio, type Run } from "./results.ts";
import { limitOn, type TargetName, targets } from "./targets.ts";

/** Engines in the order of their colours. */
const order = [ours, "tfjs", "jax-js", "ort", "torch", "torch-cuda"];
const placeOf = (engine: string): number => (order.includes(engine) ? order.indexOf(engine) : order.length);
const byPlace = (a: string, b: string): number => placeOf(a) - placeOf(b) || a.localeCompare(b);

const adapterOf = ({ adapter }: Run): string => adapter.description || adapter.device || adapter.vendor || "an unnamed adapter";
const figuresOf = (run: Run): Figure[] => run.benchmarks.flatMap(({ figures }) => figures);
const day = ({ date }: Run): string => `${date.slice(0, 10)} ${date.slice(11, 16)} UTC`;

/** The second line of a cell: all peers fit beside each other on a laptop. */
const rules = new Markup("td small { display: block; color: var(--soft); font-size: .74rem; }\n");

/** The whole page. `runs` are oldest first, at least one. */
export function resultsPage(runs: readonly Run[]): string {
  const adapters = [...new Set(runs.map(adapterOf))];
  return pageOf({
    title: "roentgen beside its peers",
    byline: html`${runs.length} ${runs.length === 1 ? "run" : "runs"} on ${adapters.length} ${adapters.length === 1 ? "adapter" : "adapters"}. A ratio says how many times faster ours is than a peer that did the same work in the same run; above 1 ours is faster. Read ratios, and only those of a quiet machine.`,
    main: html`<h2>Ratios over time</h2>
${overTime(runs)}
${adapters.map((adapter) => adapterSection(adapter, runs.filter((run) => adapterOf(run) === adapter)))}
<h2>Runs</h2>
${runTable(runs)}`,
    rules,
  });
}

interface Point {
  readonly date: Date;
  readonly ratio: number;
  readonly engine: string;
  readonly adapter: string;
}

/** A panel for each figure that has a peer; a line for each peer and adapter. */
function overTime(runs: readonly Run[]): Markup {
  const points = new Map<string, Point[]>();
  for (const run of runs) {
    for (const figure of figuresOf(run)) {
      for (const engine of Object.keys(figure.values).filter((name) => name !== ours)) {
        const value = ratio(figure, engine);
        if (value !== null) points.set(figure.name, [...(points.get(figure.name) ?? []), { date: new Date(run.date), ratio: value, engine, adapter: adapterOf(run) }]);
      }
    }
  }
  if (points.size === 0) return html`<p>No run had a peer.</p>`;
  const engines = [...new Set([...points.values()].flat().map(({ engine }) => engine))].sort(byPlace);
  const adapters = [...new Set([...points.values()].flat().map(({ adapter }) => adapter))];
  return html`<figure>${legend(engines)}<div class="panels">${[...points].map(([name, rows]) => html`<div class="panel"><p class="panel-title">${name}</p>${ratioChart(name, rows, adapters)}</div>`)}</div>
<figcaption>Times faster than each peer, on a logarithmic axis; the line at 1 is parity.${adapters.length > 1 ? html` Adapters by symbol: ${adapters.map((adapter, i) => `${i > 0 ? ", " : ""}${symbols[i % symbols.length]} ${adapter}`)}.` : null}</figcaption></figure>`;
}

const symbols = ["circle", "square", "triangle", "diamond", "star"] as const;

function ratioChart(name: string, rows: readonly Point[], adapters: readonly string[]): Markup {
  const low = Math.min(1, ...rows.map(({ ratio: value }) => value));
  const high = Math.max(1, ...rows.map(({ ratio: value }) => value));
  const marks: Markish[] = [
    ruleY([1], { stroke: "currentColor", strokeDasharray: "4,3" }),
    line(rows, { x: "date", y: "ratio", z: (p: Point) => `${p.engine} ${p.adapter}`, stroke: (p: Point) => colourOf(placeOf(p.engine)), strokeWidth: 1.5 }),
    dot(rows, { x: "date", y: "ratio", fill: (p: Point) => colourOf(placeOf(p.engine)), symbol: (p: Point) => symbols[adapters.indexOf(p.adapter) % symbols.length] ?? "circle", r: 4 }),
  ];
  const spoken = rows.map((p) => `${p.date.toISOString().slice(0, 10)} ${p.engine} ${times(p.ratio)}`).join("; ");
  return chart(`${name}, times faster than each peer: ${spoken}.`, {
    width: 360, height: 220,
    // A lone day has no extent of its own.
    x: { type: "utc", label: null, ticks: 4, ...(new Set(rows.map((p) => p.date.getTime())).size === 1 ? { domain: around(rows[0]?.date ?? new Date(0)) } : {}) },
    y: { type: "log", domain: [low / 1.3, high * 1.3], label: "times faster", grid: true, ticks: 4, tickFormat: (value: number) => String(value) },
    color: { type: "identity" },
    marks,
  });
}

const around = (date: Date): Date[] => [-1, 1].map((days) => new Date(date.getTime() + days * 86_400_000));

const legend = (engines: readonly string[]): Markup =>
  html`<ul class="legend">${engines.map((engine) => html`<li><svg width="14" height="10" aria-hidden="true"><circle cx="6" cy="5" r="4.5" fill="${colourOf(placeOf(engine))}"/></svg>${engine}</li>`)}</ul>`;

/** A part of a results file, and where it stands. */
interface Found<T> {
  readonly part: T;
  readonly run: Run;
  readonly benchmark: BenchmarkResult;
}

/** All that there are, oldest first as the runs are. */
const found = <T>(runs: readonly Run[], parts: (benchmark: BenchmarkResult) => readonly T[]): Found<T>[] =>
  runs.flatMap((run) => run.benchmarks.flatMap((benchmark) => parts(benchmark).map((part) => ({ part, run, benchmark }))));

interface Row {
  readonly name: string;
  /** By engine: the newest figure of ours, and for each peer the newest that has both. A run beside PyTorch alone hides no other peer. */
  readonly newest: ReadonlyMap<string, Found<Figure>>;
}

/** A row for each figure of the newest run of each benchmark: a run may be of a few benchmarks alone. */
function rowsOf(runs: readonly Run[], made: readonly Found<unknown>[]): Row[] {
  const figures = found(runs, (benchmark) => benchmark.figures);
  const names = [...new Set(made.flatMap(({ benchmark }) => benchmark.figures.map(({ name }) => name)))];
  return names.map((name) => {
    const taken = figures.filter(({ part }) => part.name === name);
    return { name, newest: new Map(taken.flatMap((one) => Object.keys(one.part.values).filter((engine) => engine === ours || ratio(one.part, engine) !== null).map((engine) => [engine, one]))) };
  });
}

/** What an adapter reached last: every figure, the ratios as bars, the targets. `runs` are its own, oldest first. */
function adapterSection(adapter: string, runs: readonly Run[]): Markup | null {
  const made = [...new Map(found(runs, (benchmark) => [benchmark]).map((one) => [one.part.name, one])).values()];
  const last = runs.filter(({ benchmarks }) => benchmarks.length > 0).at(-1);
  if (!last) return null;
  const rows = rowsOf(runs, made);
  const engines = [...new Set(rows.flatMap(({ newest }) => [...newest.keys()]))].sort(byPlace);
  const shown: Found<unknown>[] = [...made, ...rows.flatMap(({ newest }) => [...newest.values()])];
  const benchmarks = [...new Set(shown.map(({ benchmark }) => benchmark))];
  const versions = new Set(benchmarks.flatMap((b) => Object.entries(b.engines)).filter(([engine]) => engine !== ours).sort(([x], [y]) => byPlace(x, y)).map(([engine, { version, backend }]) => `${engine} ${version} on ${backend}. `));
  const checks = benchmarks.flatMap((b) => b.checks);
  const failed = checks.filter(({ holds }) => !holds);
  const busy = runs.filter((run) => shown.some((one) => one.run === run)).filter(({ machine: { load, cores } }) => load.start > cores || load.end > cores);
  const { machine } = last;
  return html`<h2>${adapter}</h2>
${busy.length > 0 ? html`<p class="notice" role="note">The machine was busy with other work: ${busy.map((run, i) => `${i > 0 ? "; " : ""}${day(run)}, its load was ${run.machine.load.start.toFixed(1)} at the start and ${run.machine.load.end.toFixed(1)} at the end, on ${run.machine.cores} cores`)}.</p>` : null}
<p>${made.map(({ run, benchmark }, i) => `${i > 0 ? ", " : ""}${benchmark.name} of ${day(run)}`)}. ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}. Dawn toggles: ${last.adapter.toggles.join(", ") || "none"}. ${[...versions]}</p>
${bars(rows, engines.filter((engine) => engine !== ours), last.adapter.software)}
${scroll("Figures", html`<table><thead><tr><th scope="col" class="left">work</th>${engines.map((engine) => html`<th scope="col">${engine}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr class="group"><th scope="row" class="wrap">${row.name}</th>${engines.map((engine) => cell(row, engine, last.adapter.software))}</tr>`)}</tbody></table>`, `Medians of the best round: ours as it was last, and beside each peer how many times faster ours was in the newest run of both${last.adapter.software ? ", by the clock and, where it was taken, by processor time, which busy neighbours hardly change" : ""}. Below it what the peer reached, and the day of that run, or the hour of the same day, where ours has a newer one.`)}
${targetTable(runs, last.adapter)}
<p>${checks.length === 0 ? "Nothing was checked against a peer." : failed.length === 0 ? `All ${checks.length} checks of results and losses against the peers hold.` : html`${failed.length} of ${checks.length} checks against the peers do not hold: ${failed.map((c, i) => `${i > 0 ? "; " : ""}${c.case}, ${c.engine}, ${c.what}`)}.`}</p>
${missingList(made.map(({ benchmark }) => benchmark))}`;
}

function cell({ newest }: Row, engine: string, software: boolean): Markup {
  const one = newest.get(engine);
  const value = one?.part.values[engine];
  if (!one || value === undefined) return html`<td>${NONE}</td>`;
  const { part, run } = one;
  if (engine === ours) return html`<td title="${day(run)}">${digits(value)} <small>${part.unit}</small></td>`;
  const ratios = [ratio(part, engine), software ? cpuRatio(part, engine) : null].flatMap((faster) => (faster === null ? [] : [times(faster)]));
  const newer = newest.get(ours)?.run ?? run;
  const when = run === newer ? "" : `, ${run.date.slice(0, 10) === newer.date.slice(0, 10) ? run.date.slice(11, 16) : run.date.slice(0, 10)}`;
  return html`<td title="${day(run)}, ours ${digits(part.values[ours] ?? NaN)}">${ratios.join(", ")} <small>${digits(value)}${when}</small></td>`;
}

const digits = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));
const times = (value: number): string => `${value >= 9.95 ? value.toFixed(0) : value.toPrecision(2)}×`;

/** Last ratios, a row for each figure; on a software adapter those of processor time as rings. */
function bars(figures: readonly Row[], engines: readonly string[], software: boolean): Markup | null {
  const rows = figures.flatMap(({ name, newest }) => engines.flatMap((engine) => {
    const figure = newest.get(engine)?.part;
    const value = figure ? ratio(figure, engine) : null;
    return !figure || value === null ? [] : [{ name, engine, ratio: value, byCpu: software ? cpuRatio(figure, engine) : null }];
  }));
  if (rows.length === 0) return null;
  const names = [...new Set(rows.map(({ name }) => name))];
  const all = rows.flatMap((row) => (row.byCpu === null ? [row.ratio] : [row.ratio, row.byCpu]));
  const drawn = chart(`Times faster than each peer: ${rows.map((row) => `${row.name}, ${row.engine} ${times(row.ratio)}`).join("; ")}.`, {
    width: 760, height: 60 + 24 * names.length, marginLeft: 330,
    x: { type: "log", domain: [Math.min(1, ...all) / 1.2, Math.max(1, ...all) * 1.2], label: "times faster", grid: true, ticks: 6, tickFormat: (value: number) => String(value) },
    y: { type: "point", domain: names, label: null, tickSize: 0, tickFormat: (name: string) => short(name, 50) },
    color: { type: "identity" },
    marks: [
      ruleX([1], { stroke: "currentColor", strokeDasharray: "4,3" }),
      dot(rows, { x: "ratio", y: "name", fill: (row: (typeof rows)[number]) => colourOf(placeOf(row.engine)), r: 4.5 }),
      dot(rows.filter((row) => row.byCpu !== null), { x: "byCpu", y: "name", stroke: (row: (typeof rows)[number]) => colourOf(placeOf(row.engine)), strokeWidth: 1.5, r: 4.5 }),
    ],
  });
  return html`<figure>${legend([...new Set(rows.map(({ engine }) => engine))].sort(byPlace))}${drawn}<figcaption>Times faster than each peer; the line at 1 is parity.${software ? " Dots: by the clock. Rings: by processor time." : ""}</figcaption></figure>`;
}

/** The newest verdict on each target, and how often it was the good one: by the clock of a shared machine a target may hold now and then. */
function targetTable(runs: readonly Run[], adapter: Run["adapter"]): Markup {
  const judged = found(runs, (benchmark) => benchmark.targets);
  const rows = [...new Map(judged.map((one) => [one.part.what, one])).values()].map((last) => {
    const verdicts = judged.filter(({ part }) => part.what === last.part.what);
    // All by the limit that is shown: there may have been another before.
    const { atMost, limit } = last.part;
    return { ...last, held: verdicts.filter(({ part: { value } }) => (atMost ? value <= limit : value >= limit)).length, of: verdicts.length };
  });
  const never = (Object.keys(targets) as TargetName[]).filter((name) => limitOn(name, adapter) !== null && !rows.some(({ part }) => part.what === name));
  const table = rows.length === 0 ? null : scroll("Targets", html`<table><thead><tr><th scope="col" class="left">target</th><th scope="col">asked for</th><th scope="col">last</th><th scope="col">by processor time</th><th scope="col">held last</th><th scope="col">held in</th></tr></thead><tbody>${rows.map(({ part: { what, value, unit, limit, atMost, holds, byCpu }, run, held, of }) => html`<tr><th scope="row" class="wrap">${what}</th><td>${atMost ? "at most" : "at least"} ${digits(limit)} ${unit}</td><td title="${day(run)}">${digits(value)}</td><td>${byCpu === undefined ? NONE : digits(byCpu)}</td><td>${holds ? "yes" : html`<b>no</b>`}</td><td>${held} of ${of} ${of === 1 ? "run" : "runs"}</td></tr>`)}</tbody></table>`, `${rows.filter(({ part }) => part.holds).length} of ${rows.length} targets held in the newest run that judged them, ${rows.filter(({ held, of }) => held === of).length} in every run that did, by the clock.${rows.some(({ part }) => part.byCpu !== undefined) ? " By processor time: what two cores without other work would come near to." : ""}`);
  return html`${table}${never.length > 0 ? html`<p class="note">Targets that no run judged: ${never.join("; ")}.</p>` : null}`;
}

function missingList(benchmarks: readonly BenchmarkResult[]): Markup | null {
  const missing = benchmarks.flatMap((b) => b.missing.map((m) => ({ ...m, benchmark: b.name })));
  // An engine that only infers leaves out every gradient; once is enough to say so.
  const reasons = [...new Map(missing.map((m) => [`${m.engine} ${m.benchmark} ${m.why}`, m])).values()];
  return reasons.length === 0 ? null : html`<details><summary>What did not run</summary><ul>${reasons.map(({ engine, benchmark, what, why }) => html`<li>${engine}, ${benchmark}, ${what}: ${why.split("\n")[0] ?? ""}</li>`)}</ul></details>`;
}

const runTable = (runs: readonly Run[]): Markup => scroll("Runs", html`<table><thead><tr><th scope="col" class="left">date</th><th scope="col" class="left">adapter</th><th scope="col">commit</th><th scope="col">cores</th><th scope="col">load</th><th scope="col">peers</th><th scope="col">targets held</th></tr></thead><tbody>${[...runs].reverse().map((run) => {
  const targets = run.benchmarks.flatMap((b) => b.targets);
  return html`<tr><th scope="row">${day(run)}</th><td class="left wrap">${adapterOf(run)}</td><td>${run.commit === null ? NONE : html`<code>${run.commit.slice(0, 12)}</code>${run.modified ? html` <small>modified</small>` : null}`}</td><td>${run.machine.cores}</td><td>${run.machine.load.start.toFixed(1)} to ${run.machine.load.end.toFixed(1)}</td><td>${run.options.peers.join(", ") || "none"}</td><td>${targets.filter(({ holds }) => holds).length} of ${targets.length}</td></tr>`;
})}</tbody></table>`, "Newest first.");

const scroll = (label: string, body: Markup, caption: Content): Markup =>
  html`<figure class="table"><figcaption>${caption}</figcaption><div class="scroll" role="region" tabindex="0" aria-label="${label}">${body}</div></figure>`;
