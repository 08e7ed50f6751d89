// A profile's tables as text in cells: the command line prints them, pages set them.

import type { CeilingSample } from "@roentgen/gpu";
import type { Change, Comparison } from "./compare.ts";
import type { Group, JudgedDispatch } from "./judge.ts";
import type { ProfileReport } from "./profile-report.ts";

export interface Head {
  readonly text: string;
  /** A number: aligned right. */
  readonly right?: boolean;
  /** Longer cells may lose their middle where space is short. */
  readonly most?: number;
}

export interface Table {
  readonly title: string;
  readonly heads: readonly Head[];
  readonly rows: readonly (readonly string[])[];
}

const ms = (value: number): string => value.toFixed(3);
const rate = (value: number): string => (value > 0 ? value.toFixed(1) : "");
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const mega = (bytes: number): string => (bytes / 1e6).toFixed(2);

/** A column: its head, and what stands in a row's cell. */
type Column<Row> = readonly [head: Head, of: (row: Row) => string];

const tableOf = <Row>(title: string, rows: readonly Row[], columns: readonly Column<Row>[]): Table =>
  ({ title, heads: columns.map(([head]) => head), rows: rows.map((row) => columns.map(([, of]) => of(row))) });

const number = (text: string): Head => ({ text, right: true });

function verdict<Row extends Pick<Group, "gflopPerSecond" | "gigabytesPerSecond" | "ofRoof" | "bound">>(): Column<Row>[] {
  return [[number("GFLOP/s"), (r) => rate(r.gflopPerSecond)], [number("GB/s"), (r) => rate(r.gigabytesPerSecond)], [number("of roof"), (r) => percent(r.ofRoof)], [{ text: "nearest roof" }, (r) => r.bound]];
}

const heading = (what: string, shown: number, all: number): string => (shown < all ? `${what} (${shown} of ${all}, slowest first)` : what);

/** By phase, op, kernel, layer and dispatch; of the last two the `top` slowest. */
export function profileTables({ phases, ops, kernels, layers, dispatches, totalMs }: ProfileReport, top: number): Table[] {
  const share = (timeMs: number) => percent(timeMs / Math.max(totalMs, 1e-9));
  const grouped = (what: string, head: string, groups: readonly Group[], most = groups.length): Table =>
    tableOf(heading(what, Math.min(most, groups.length), groups.length), groups.slice(0, most), [
      [{ text: head, most: 48 }, (g) => g.name], [number("dispatches"), (g) => String(g.dispatches)], [number("ms"), (g) => ms(g.timeMs)], [number("share"), (g) => share(g.timeMs)], ...verdict<Group>(),
    ]);
  const places = new Map(dispatches.map((d, i) => [d, i]));
  const slowest = [...dispatches].sort((a, b) => b.timeMs - a.timeMs).slice(0, top);
  return [
    grouped("By phase", "phase", phases),
    grouped("By op", "op", ops),
    grouped("By kernel", "kernel", kernels),
    grouped("By layer", "layer", layers, top),
    tableOf<JudgedDispatch>(heading("By dispatch", slowest.length, dispatches.length), slowest, [
      [number("no."), (d) => String(places.get(d))], [{ text: "dispatch", most: 56 }, (d) => d.label], [{ text: "grid" }, (d) => d.grid.join("x")], [number("ms"), (d) => ms(d.timeMs)], [number("least to most"), (d) => `${ms(d.leastMs)} to ${ms(d.mostMs)}`], [number("share"), (d) => share(d.timeMs)],
      [number("MFLOP"), (d) => (d.flops > 0 ? (d.flops / 1e6).toFixed(1) : "")], [number("MB"), (d) => mega(d.bytes)], ...verdict<JudgedDispatch>(),
    ]),
  ];
}

/** What the device can do, and how it was found. */
export function ceilingTable({ ceilings: { samples } }: Pick<ProfileReport, "ceilings">): Table {
  const rows = ([["f32 multiply-adds", samples.f32, "FLOP"], ["f16 multiply-adds", samples.f16, "FLOP"], ["copy", samples.copy, "bytes"]] as const)
    .flatMap(([what, list, unit]) => list.map((sample) => ({ what, unit, sample })));
  const amount = ({ sample, unit }: (typeof rows)[number]) => (unit === "bytes" ? `${(sample.amount / 2 ** 20).toFixed(0)} MiB` : `${(sample.amount / 1e9).toFixed(2)} GFLOP`);
  const speed = ({ perSecond }: CeilingSample) => (perSecond / 1e9).toFixed(1);
  return tableOf("How the ceilings were found", rows, [[{ text: "measurement" }, (r) => r.what], [number("size"), amount], [number("ms"), (r) => ms(r.sample.timeMs)], [number("10^9/s"), (r) => speed(r.sample)]]);
}

/** The ceilings in one line. */
export function ceilingText({ gflopPerSecond, halfGflopPerSecond, gigabytesPerSecond, cachedGigabytesPerSecond, launchMs, rounds }: ProfileReport["ceilings"]): string {
  const cached = cachedGigabytesPerSecond > 1.05 * gigabytesPerSecond ? ` (${cachedGigabytesPerSecond.toFixed(1)} in cache)` : "";
  return `${gflopPerSecond.toFixed(1)} GFLOP/s in f32${halfGflopPerSecond === null ? "" : `, ${halfGflopPerSecond.toFixed(1)} in f16`}, ${gigabytesPerSecond.toFixed(1)} GB/s copied${cached}, ${ms(launchMs)} ms for an empty dispatch${rounds.length > 1 ? `; the best of ${rounds.length} measurements, ${apartText(rounds)}` : ""}`;
}

/** How far measurements of speed are apart: "1 % apart in arithmetic, 4 % in copies". */
function apartText(rounds: ProfileReport["ceilings"]["rounds"]): string {
  const apart = (speeds: readonly number[]) => `${(100 * (Math.max(...speeds) / Math.min(...speeds) - 1)).toFixed(0)} %`;
  return `${apart(rounds.map((c) => c.gflopPerSecond))} apart in arithmetic, ${apart(rounds.map((c) => c.gigabytesPerSecond))} in copies`;
}

/** Before and after: the whole, then what moved most. */
export function comparisonTables(comparison: Comparison, top: number): Table[] {
  const time = (value: number | null) => (value === null ? "" : ms(value));
  const columns = (head: string): Column<Change>[] => [
    [{ text: head, most: 48 }, (c) => c.name], [number("before ms"), (c) => time(c.beforeMs)], [number("after ms"), (c) => time(c.afterMs)], [number("ratio"), (c) => (c.ratio === null ? (c.beforeMs === null ? "new" : "gone") : c.ratio.toFixed(2))],
    [number("dispatches"), ({ dispatches: [before, after] }) => (before === after ? String(after) : `${before} to ${after}`)],
  ];
  const some = (what: string, head: string, list: readonly Change[]) => tableOf(list.length > top ? `${what} (${top} of ${list.length}, greatest difference first)` : what, list.slice(0, top), columns(head));
  const came = (what: string, list: Comparison["appeared"]) =>
    list.length === 0 ? [] : [tableOf(heading(what, Math.min(top, list.length), list.length), list.slice(0, top), [[{ text: "dispatch", most: 56 }, (d) => d.name], [number("times"), (d) => String(d.dispatches)], [number("ms"), (d) => ms(d.timeMs)]])];
  return [
    tableOf("Before and after", [comparison.total, comparison.wall], columns("whole")),
    some("Before and after, by kernel", "kernel", comparison.kernels),
    some("Before and after, by layer", "layer", comparison.layers),
    ...came("Dispatches that appeared", comparison.appeared),
    ...came("Dispatches that vanished", comparison.vanished),
  ];
}
