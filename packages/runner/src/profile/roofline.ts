// The roofline of a profile (Williams, Waterman and Patterson 2009): what each kernel reaches over the operations it does for each
// byte, under the walls of arithmetic and memory; and beside it what each dispatch moves, for those that compute nothing.

import { dot, line, type Markish, ruleY, text } from "@observablehq/plot";
import { chart } from "../report/chart.ts";
import type { Markup } from "../report/html.ts";
import { colourOf } from "../report/style.ts";
import type { Group } from "./judge.ts";
import type { ProfileReport } from "./profile-report.ts";

/** Colours by wall: arithmetic, memory, launch. */
export const boundColour = { compute: colourOf(0), memory: colourOf(1), launch: colourOf(7) } as const;

/** A kernel or dispatch as a point: operations a byte, GFLOP/s. */
export interface RooflinePoint {
  readonly name: string;
  readonly intensity: number;
  readonly gflopPerSecond: number;
  readonly share: number;
  readonly ofRoof: number;
  readonly bound: Group["bound"];
}

/** What takes less of the time than this would only stretch the axes. */
const leastShare = 0.0005;

/** Kernels that compute. Those of nothing but moves have no place on a roofline. */
export const rooflinePoints = (kernels: readonly Group[]): RooflinePoint[] =>
  kernels.filter((k) => k.flops > 0 && k.bytes > 0 && k.share >= leastShare).map(({ name, flops, bytes, gflopPerSecond, share, ofRoof, bound }) => ({ name, intensity: flops / bytes, gflopPerSecond, share, ofRoof, bound }));

export interface RooflineEdge {
  readonly name: string;
  readonly points: readonly { readonly intensity: number; readonly gflopPerSecond: number }[];
  readonly dashed: boolean;
}

/** Walls between two intensities: memory's slope up to where arithmetic's flat roof begins. */
export function rooflineEdges({ gflopPerSecond, halfGflopPerSecond, gigabytesPerSecond, cachedGigabytesPerSecond }: ProfileReport["ceilings"], [from, to]: readonly [number, number]): RooflineEdge[] {
  const edge = (name: string, roof: number, slope: number, dashed: boolean): RooflineEdge =>
    ({ name, dashed, points: [...new Set([from, Math.min(to, Math.max(from, roof / slope)), to])].map((intensity) => ({ intensity, gflopPerSecond: Math.min(roof, slope * intensity) })) });
  const short = (value: number) => (value >= 10 ? value.toFixed(0) : value.toPrecision(2));
  const edges = [edge(`f32, ${short(gflopPerSecond)} GFLOP/s; memory, ${short(gigabytesPerSecond)} GB/s`, gflopPerSecond, gigabytesPerSecond, false)];
  if (cachedGigabytesPerSecond > 1.05 * gigabytesPerSecond) edges.push(edge(`in cache, ${short(cachedGigabytesPerSecond)} GB/s`, gflopPerSecond, cachedGigabytesPerSecond, true));
  if (halfGflopPerSecond !== null && halfGflopPerSecond > gflopPerSecond) edges.push(edge(`f16, ${short(halfGflopPerSecond)} GFLOP/s`, halfGflopPerSecond, gigabytesPerSecond, true));
  return edges;
}

/** Ends of a logarithmic axis: whole powers of ten around all values. */
export function decades(values: readonly number[]): [number, number] {
  const found = values.filter((v) => v > 0 && Number.isFinite(v));
  if (found.length === 0) return [0.1, 10];
  const [low, high] = [Math.floor(Math.log10(Math.min(...found)) + 1e-9), Math.ceil(Math.log10(Math.max(...found)) - 1e-9)];
  return [10 ** low, 10 ** Math.max(high, low + 1)];
}

/** How many lines each name moves down to stay clear of those above it, the highest point first. */
function spread(points: readonly RooflinePoint[], [low, high]: readonly [number, number]): { point: RooflinePoint; lines: number }[] {
  const perLine = Math.log(high / low) / 24;
  let free = Infinity;
  return [...points].sort((a, b) => b.gflopPerSecond - a.gflopPerSecond).map((point) => {
    const at = Math.log(point.gflopPerSecond);
    const placed = Math.min(at, free);
    free = placed - perLine;
    return { point, lines: (at - placed) / perLine };
  });
}

const axis = (label: string, domain: readonly [number, number]) => ({ type: "log" as const, label, domain: [...domain], tickFormat: "~s", grid: true, labelArrow: "none" as const, nice: false, clamp: true });
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Null if no kernel computes. */
export function rooflineChart({ kernels, ceilings }: Pick<ProfileReport, "kernels" | "ceilings">, size = { width: 520, height: 360 }): Markup | null {
  const points = rooflinePoints(kernels);
  if (points.length === 0) return null;
  const x = decades([...points.map((p) => p.intensity), ceilings.gflopPerSecond / ceilings.gigabytesPerSecond]);
  const edges = rooflineEdges(ceilings, x);
  const highest = Math.max(...edges.flatMap((edge) => edge.points.map((p) => p.gflopPerSecond)), ...points.map((p) => p.gflopPerSecond));
  // What does next to nothing lies on the lower edge.
  const y: [number, number] = [Math.max(decades(points.map((p) => p.gflopPerSecond))[0], 10 ** Math.floor(Math.log10(highest) - 3)), 1.6 * highest];
  const marks: Markish[] = [
    ...edges.map(({ points: along, dashed }) => line(along, { x: "intensity", y: "gflopPerSecond", stroke: "currentColor", strokeWidth: dashed ? 1 : 1.8, strokeDasharray: dashed ? "5,3" : "none" })),
    text(edges, { x: () => x[1], y: (e: RooflineEdge) => e.points.at(-1)?.gflopPerSecond, text: (e: RooflineEdge) => (e.dashed && e.name.startsWith("in cache") ? "" : e.name), textAnchor: "end", dy: -7, fill: "currentColor" }),
    // Names that would lie on each other step down, line by line.
    ...spread(points.filter((p) => p.share >= 0.04), y).map(({ point, lines }) => text([point], { x: "intensity", y: "gflopPerSecond", text: "name", textAnchor: "end", dx: -12, dy: 12 * lines, fontSize: 10, fill: "currentColor", stroke: "var(--paper)", strokeWidth: 3 })),
    dot(points, { x: "intensity", y: "gflopPerSecond", r: (p: RooflinePoint) => 3 + 14 * Math.sqrt(p.share), fill: (p: RooflinePoint) => boundColour[p.bound], fillOpacity: 0.55, stroke: (p: RooflinePoint) => boundColour[p.bound],
      title: (p: RooflinePoint) => `${p.name}\n${p.gflopPerSecond.toFixed(1)} GFLOP/s at ${p.intensity.toPrecision(3)} FLOP/byte\n${percent(p.ofRoof)} of its ${p.bound} roof, ${percent(p.share)} of the time` }),
  ];
  return chart(`Roofline: ${points.map((p) => `${p.name} ${p.gflopPerSecond.toFixed(1)} GFLOP/s at ${p.intensity.toPrecision(2)} FLOP per byte, ${percent(p.ofRoof)} of its roof`).join("; ")}.`, {
    ...size, marginLeft: 52, x: axis("FLOP per byte", x), y: axis("GFLOP/s", y), r: { type: "identity" }, marks,
  });
}

/** GB/s over the bytes that a dispatch moves, beside what a copy of that size reaches. Null if nothing was timed. */
export function bandwidthChart({ dispatches, ceilings }: Pick<ProfileReport, "dispatches" | "ceilings">, size = { width: 520, height: 360 }): Markup | null {
  const totalMs = dispatches.reduce((sum, d) => sum + d.timeMs, 0);
  const points = dispatches.filter((d) => d.bytes > 0 && d.timeMs > 0.1 * leastShare * totalMs && d.bytes > 4096);
  if (points.length === 0) return null;
  const copies = ceilings.samples.copy.map(({ amount, perSecond }) => ({ bytes: 2 * amount, gigabytesPerSecond: perSecond / 1e9 }));
  const all = [...points, ...copies];
  return chart(`Bandwidth of ${points.length} dispatches by bytes moved; the largest copy reaches ${ceilings.gigabytesPerSecond.toFixed(1)} GB/s.`, {
    ...size, marginLeft: 52, x: axis("Bytes moved by a dispatch", decades(all.map((p) => p.bytes))), y: axis("GB/s", decades(all.map((p) => p.gigabytesPerSecond))), r: { type: "identity" },
    marks: [
      ruleY([ceilings.gigabytesPerSecond], { stroke: "currentColor", strokeWidth: 1.8 }),
      line(copies, { x: "bytes", y: "gigabytesPerSecond", stroke: "currentColor", strokeDasharray: "5,3" }),
      dot(copies, { x: "bytes", y: "gigabytesPerSecond", r: () => 2, fill: "currentColor" }),
      dot(points, { x: "bytes", y: "gigabytesPerSecond", r: (d: (typeof points)[number]) => 2 + 14 * Math.sqrt(d.timeMs / totalMs), fill: (d: (typeof points)[number]) => boundColour[d.bound], fillOpacity: 0.5, stroke: (d: (typeof points)[number]) => boundColour[d.bound], strokeWidth: 0.8,
        title: (d: (typeof points)[number]) => `${d.label}\n${d.gigabytesPerSecond.toFixed(2)} GB/s, ${(d.bytes / 1e6).toFixed(2)} MB, ${d.timeMs.toFixed(3)} ms\n${percent(d.ofRoof)} of its ${d.bound} roof` }),
    ],
  });
}
