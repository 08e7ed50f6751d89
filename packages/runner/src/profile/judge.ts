// What a profile's numbers mean against the device's ceilings: for each dispatch the time it could not beat, and which of three
// walls that is. Pure functions over data, the same in Node and in a tab. After Williams, Waterman and Patterson 2009, "Roofline",
// with the cost of a launch as a third wall.

import { type Ceilings, type DispatchTiming, spread, totals } from "@roentgen/gpu";

/** The wall that a dispatch meets first: arithmetic, memory, or the cost of launching anything at all. */
export type Bound = "compute" | "memory" | "launch";

export type Phase = "forward" | "backward" | "update";

/** Where in the model a dispatch belongs. */
export interface Place {
  readonly phase: Phase;
  /** The module's path, with "grad" for its backward pass: "layer1.0.conv1 grad"; the op's name outside every module. */
  readonly layer: string;
  /** The op, with "grad" likewise. */
  readonly op: string;
}

export interface JudgedDispatch extends DispatchTiming, Place {
  readonly bound: Bound;
  /** The least time that the ceilings allow. */
  readonly roofMs: number;
  /** `roofMs` as a share of the time it took. */
  readonly ofRoof: number;
}

type CeilingFigures = Pick<Ceilings, "gflopPerSecond" | "halfGflopPerSecond" | "gigabytesPerSecond" | "launchMs" | "samples">;

/**
 * The arithmetic roof of a kernel, in GFLOP/s: f32's, for kernels that store f16 add in f32. Matrix units have no ceiling of their own
 * here; they are held against f16's, which they may pass.
 */
export const arithmeticRoof = ({ gflopPerSecond, halfGflopPerSecond }: Pick<Ceilings, "gflopPerSecond" | "halfGflopPerSecond">, requires: readonly string[]): number =>
  requires.some((name) => name.includes("subgroup_matrix")) ? Math.max(gflopPerSecond, halfGflopPerSecond ?? 0) : gflopPerSecond;

/**
 * The roof of a dispatch that moves this much, in GB/s: the best copy of as many bytes or more. What fits a cache is held against
 * the cache, the rest against memory.
 */
export const memoryRoof = ({ gigabytesPerSecond, samples }: Pick<Ceilings, "gigabytesPerSecond" | "samples">, bytes: number): number =>
  Math.max(gigabytesPerSecond, ...samples.copy.filter(({ amount }) => 2 * amount >= bytes).map(({ perSecond }) => perSecond / 1e9));

/** The least time for this much work, and what sets it. */
export function roofOf({ flops, bytes, requires }: Pick<DispatchTiming, "flops" | "bytes" | "requires">, ceilings: CeilingFigures): { bound: Bound; roofMs: number } {
  const walls: readonly (readonly [Bound, number])[] = [
    ["compute", flops / arithmeticRoof(ceilings, requires) / 1e6],
    ["memory", bytes / memoryRoof(ceilings, bytes) / 1e6],
    ["launch", ceilings.launchMs],
  ];
  const [bound, roofMs] = walls.reduce((most, wall) => (wall[1] > most[1] ? wall : most));
  return { bound, roofMs };
}

/**
 * Labels are `module op [grad] kernel`; the module is absent outside of one, the op where a kernel was launched alone. Sums of several
 * layers' gradients in one launch stand under "gradients".
 */
export function placeOf({ label, kernel }: Pick<DispatchTiming, "label" | "kernel">): Place {
  const words = label.split(" ").filter((word) => word !== kernel);
  const isGrad = words.includes("grad");
  const [first = kernel.split(".")[0] ?? kernel, second = first] = words.filter((word) => word !== "grad");
  const grad = isGrad ? " grad" : "";
  return { phase: first === "optimizer" ? "update" : isGrad || first === "gradients" ? "backward" : "forward", layer: first + grad, op: second + grad };
}

export function judge(dispatch: DispatchTiming, ceilings: CeilingFigures): JudgedDispatch {
  const { bound, roofMs } = roofOf(dispatch, ceilings);
  return { ...dispatch, ...placeOf(dispatch), bound, roofMs, ofRoof: dispatch.timeMs > 0 ? roofMs / dispatch.timeMs : 0 };
}

/** Dispatches put together by a name. */
export interface Group {
  readonly name: string;
  readonly dispatches: number;
  readonly timeMs: number;
  /** Of the repeats, each with all these dispatches, the shortest and the longest. */
  readonly leastMs: number;
  readonly mostMs: number;
  /** Of the whole profile, 0 to 1. */
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  readonly gflopPerSecond: number;
  readonly gigabytesPerSecond: number;
  /** The wall that holds most of the group's time. */
  readonly bound: Bound;
  readonly roofMs: number;
  readonly ofRoof: number;
}

/** Groups by a name, longest time first. */
export function groupBy(dispatches: readonly JudgedDispatch[], nameOf: (dispatch: JudgedDispatch) => string): Group[] {
  const totalMs = dispatches.reduce((sum, d) => sum + d.timeMs, 0);
  const byName = new Map<string, JudgedDispatch[]>();
  for (const dispatch of dispatches) {
    const name = nameOf(dispatch);
    const members = byName.get(name);
    if (members) members.push(dispatch);
    else byName.set(name, [dispatch]);
  }
  return [...byName].map(([name, members]): Group => {
    const sum = (of: (d: JudgedDispatch) => number) => members.reduce((total, d) => total + of(d), 0);
    const [timeMs, flops, bytes, roofMs] = [sum((d) => d.timeMs), sum((d) => d.flops), sum((d) => d.bytes), sum((d) => d.roofMs)];
    const perSecond = (amount: number) => (timeMs > 0 ? amount / timeMs / 1e6 : 0);
    const held = (bound: Bound) => sum((d) => (d.bound === bound ? d.timeMs : 0));
    const bound = (["compute", "memory", "launch"] as const).reduce((most, b) => (held(b) > held(most) ? b : most));
    return {
      name, dispatches: members.length, timeMs, ...spread(totals(members)), share: totalMs > 0 ? timeMs / totalMs : 0, flops, bytes,
      gflopPerSecond: perSecond(flops), gigabytesPerSecond: perSecond(bytes), bound, roofMs, ofRoof: timeMs > 0 ? roofMs / timeMs : 0,
    };
  }).sort((a, b) => b.timeMs - a.timeMs);
}
