// The roofline of a profile (Williams, Waterman and Patterson 2009): what each kernel reaches over the operations it does for each
// byte, under the walls of arithmetic and memory; and beside it what each dispatch moves, for those that compute nothing.

import { dot, line, type Markish, ruleY, text } from "@observablehq/plot";
import { chart } from "../report/chart.ts";
import type { Markup } from "../report/html.ts";
import { colourOf } from "../report/style.ts";
import type { Group } from "./judge.ts";
import { type Label, placeLabels } from "./labels.ts";
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

/** 0.2, 5, 20k, 3M. */
export function tick(value: number): string {
  const [factor, letter] = ([[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const).find(([least]) => value >= least) ?? [1, ""];
  return `${Number((value / factor).toPrecision(3))}${letter}`;
}

const axis = (label: string, domain: readonly [number, number]) => ({ type: "log" as const, label, domain: [...domain], tickFormat: tick, grid: true, labelArrow: "none" as const, nice: false, clamp: true });
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Kernels that hold less of the time go without a name. */
const leastNamed = 0.01;
const margins = { marginTop: 26, marginRight: 12, marginBottom: 38, marginLeft: 52 } as const;
const radius = ({ share }: RooflinePoint): number => 3 + 14 * Math.sqrt(share);

/** Two logarithmic axes in a chart of some size: from values to pixels and back. */
function plane([left, right]: readonly [number, number], [low, high]: readonly [number, number], { width, height }: { readonly width: number; readonly height: number }) {
  const frame = { x1: margins.marginLeft, y1: margins.marginTop, x2: width - margins.marginRight, y2: height - margins.marginBottom };
  const along = (value: number, from: number, to: number) => Math.min(1, Math.max(0, Math.log(value / from) / Math.log(to / from)));
  return {
    frame,
    pixelOf: ({ intensity, gflopPerSecond }: Pick<RooflinePoint, "intensity" | "gflopPerSecond">): [number, number] => [frame.x1 + along(intensity, left, right) * (frame.x2 - frame.x1), frame.y2 - along(gflopPerSecond, low, high) * (frame.y2 - frame.y1)],
    valueAt: (x: number, y: number) => ({ intensity: left * (right / left) ** ((x - frame.x1) / (frame.x2 - frame.x1)), gflopPerSecond: low * (high / low) ** ((frame.y2 - y) / (frame.y2 - frame.y1)) }),
  };
}

/** Where the names of the heaviest kernels stand. */
function namesIn({ frame, pixelOf }: ReturnType<typeof plane>, points: readonly RooflinePoint[], edges: readonly RooflineEdge[]): Label[] {
  const spots = points.map((point) => {
    const [x, y] = pixelOf(point);
    return { name: point.name, x, y, r: radius(point), weight: point.share };
  });
  const lines = edges.map((edge) => edge.points.map(pixelOf));
  // The lines' own names, at the right end above them.
  const taken = edges.flatMap((edge, i) => {
    const [, y] = lines[i]?.at(-1) ?? [0, 0];
    return nameOfEdge(edge) === "" ? [] : [{ x1: frame.x2 - 6.6 * edge.name.length, y1: y - 14, x2: frame.x2, y2: y }];
  });
  return placeLabels(spots.filter(({ weight }) => weight >= leastNamed), { frame, spots, lines, taken });
}

const nameOfEdge = (edge: RooflineEdge): string => (edge.dashed && edge.name.startsWith("in cache") ? "" : edge.name);

/** Null if no kernel computes. */
export function rooflineChart({ kernels, ceilings }: Pick<ProfileReport, "kernels" | "ceilings">, size = { width: 520, height: 360 }): Markup | null {
  const points = rooflinePoints(kernels);
  if (points.length === 0) return null;
  const x = decades([...points.map((p) => p.intensity), ceilings.gflopPerSecond / ceilings.gigabytesPerSecond]);
  const edges = rooflineEdges(ceilings, x);
  const highest = Math.max(...edges.flatMap((edge) => edge.points.map((p) => p.gflopPerSecond)), ...points.map((p) => p.gflopPerSecond));
  // What does next to nothing lies on the lower edge.
  const y: [number, number] = [Math.max(decades(points.map((p) => p.gflopPerSecond))[0], 10 ** Math.floor(Math.log10(highest) - 3)), 1.6 * highest];
  const drawn = plane(x, y, size);
  const names = namesIn(drawn, points, edges);
  const marks: Markish[] = [
    ...edges.map(({ points: along, dashed }) => line(along, { x: "intensity", y: "gflopPerSecond", stroke: "currentColor", strokeWidth: dashed ? 1 : 1.8, strokeDasharray: dashed ? "5,3" : "none" })),
    text(edges, { x: () => x[1], y: (e: RooflineEdge) => e.points.at(-1)?.gflopPerSecond, text: nameOfEdge, textAnchor: "end", dy: -7, fill: "currentColor" }),
    dot(points, { x: "intensity", y: "gflopPerSecond", r: radius, fill: (p: RooflinePoint) => boundColour[p.bound], fillOpacity: 0.55, stroke: (p: RooflinePoint) => boundColour[p.bound],
      title: (p: RooflinePoint) => `${p.name}\n${p.gflopPerSecond.toFixed(1)} GFLOP/s at ${p.intensity.toPrecision(3)} FLOP/byte\n${percent(p.ofRoof)} of its ${p.bound} roof, ${percent(p.share)} of the time` }),
    ...names.flatMap(({ leader }) => (leader ? [line([drawn.valueAt(leader.x1, leader.y1), drawn.valueAt(leader.x2, leader.y2)], { x: "intensity", y: "gflopPerSecond", stroke: "currentColor", strokeWidth: 0.7 })] : [])),
    text(names.map(({ name, x1, y1, y2 }) => ({ name, ...drawn.valueAt(x1, (y1 + y2) / 2) })), { x: "intensity", y: "gflopPerSecond", text: "name", textAnchor: "start", fontSize: 10, fill: "currentColor", stroke: "var(--paper)", strokeWidth: 2 }),
  ];
  return chart(`Roofline: ${points.map((p) => `${p.name} ${p.gflopPerSecond.toFixed(1)} GFLOP/s at ${p.intensity.toPrecision(2)} FLOP per byte, ${percent(p.ofRoof)} of its roof`).join("; ")}.`, {
    ...size, ...margins, x: axis("FLOP per byte", x), y: axis("GFLOP/s", y), r: { type: "identity" }, marks,
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
