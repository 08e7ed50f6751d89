// Two profiles of the same work, before and after a change: by kernel, by op and by layer, and which dispatches came and went.

import type { Bound } from "./judge.ts";
import type { KernelChoice, ProfileReport } from "./profile-report.ts";
import { adapterName, choiceText, titleOf, togglesText } from "./profile-report.ts";

/** What of a profile a comparison needs: all that is read of an old file. */
export interface ComparableProfile {
  readonly workload: ProfileReport["workload"];
  readonly adapter: ProfileReport["adapter"];
  readonly method: ProfileReport["method"];
  /** Absent from profiles of before it was kept. */
  readonly choice?: ProfileReport["choice"] | undefined;
  readonly totalMs: number;
  /** Absent, as all least and most, from profiles of before they were kept. */
  readonly leastMs?: number | undefined;
  readonly mostMs?: number | undefined;
  readonly plain: { readonly wallMs: number } & Spread;
  readonly ceilings: { readonly gflopPerSecond: number; readonly gigabytesPerSecond: number };
  readonly dispatches: readonly { readonly label: string; readonly timeMs: number }[];
  readonly kernels: readonly ComparedGroup[];
  readonly ops: readonly ComparedGroup[];
  readonly layers: readonly ComparedGroup[];
}

interface Spread {
  readonly leastMs?: number | undefined;
  readonly mostMs?: number | undefined;
}

interface ComparedGroup extends Spread {
  readonly name: string;
  readonly timeMs: number;
  readonly dispatches: number;
  readonly bound?: Bound | undefined;
}

/** Times are null where there is nothing of that name. */
export interface Change {
  readonly name: string;
  readonly beforeMs: number | null;
  readonly afterMs: number | null;
  /** After over before: 0.5 is twice as fast. */
  readonly ratio: number | null;
  /** Whether every repeat after took longer than every repeat before. */
  readonly clearlySlower: boolean;
  /** How many times slower the machine by itself made it, by the ceiling that it is nearest to. */
  readonly expected: number;
  readonly dispatches: readonly [before: number, after: number];
}

export interface Comparison {
  /** Why the two may not be comparable, in words. */
  readonly differences: readonly string[];
  /** How many times slower the machine itself was after, in arithmetic and in copies; 1 where its ceilings are within a quarter. */
  readonly slowdown: Slowdown;
  readonly total: Change;
  /** A plain run, timed by the host. */
  readonly wall: Change;
  readonly kernels: readonly Change[];
  readonly ops: readonly Change[];
  readonly layers: readonly Change[];
  /** Dispatches by label: those that were not there before, and those that are gone. */
  readonly appeared: readonly ComparedGroup[];
  readonly vanished: readonly ComparedGroup[];
}

/** Of the machine itself. */
export interface Slowdown {
  readonly compute: number;
  readonly memory: number;
}

export function compareProfiles(before: ComparableProfile, after: ComparableProfile): Comparison {
  const [compute = 1, memory = 1] = speedsOf(before, after).map(({ ratio }) => (ratio < slow ? 1 / ratio : 1));
  const slowdown = { compute, memory };
  const known = (bound: Bound | undefined) => (bound === "compute" ? compute : bound === "memory" ? memory : Math.max(compute, memory));
  const changes = (of: "kernels" | "ops" | "layers") => changesOf(before[of], after[of], known);
  // The whole is as slow as its layers make it.
  const layersMs = after.layers.reduce((sum, { timeMs }) => sum + timeMs, 0);
  const expected = layersMs > 0 ? after.layers.reduce((sum, { timeMs, bound }) => sum + timeMs * known(bound), 0) / layersMs : known(undefined);
  const counts = (from: ComparableProfile, to: ComparableProfile) => missingFrom(from.dispatches, to.dispatches);
  return {
    differences: differencesOf(before, after),
    slowdown,
    total: change("dispatches", wholeOf(before), wholeOf(after), expected),
    wall: change("plain run", { ...before.plain, timeMs: before.plain.wallMs, dispatches: before.dispatches.length }, { ...after.plain, timeMs: after.plain.wallMs, dispatches: after.dispatches.length }, expected),
    kernels: changes("kernels"),
    ops: changes("ops"),
    layers: changes("layers"),
    appeared: counts(after, before),
    vanished: counts(before, after),
  };
}

/** A layer's share of the time before, from which a slowdown of it alone counts. */
const weightyShare = 0.05;

/**
 * What became slower by more than `limit` (0.1 is 10 %): the whole, a plain run, and layers that held at least 5 % of it. Kernels come and
 * go with shapes, layers stay. Counted only where no repeat after was as fast as one before, and beyond what the machine by itself explains.
 */
export const regressions = ({ total, wall, layers }: Pick<Comparison, "total" | "wall" | "layers">, limit: number): Change[] =>
  [total, wall, ...layers.filter((layer) => (layer.beforeMs ?? 0) >= weightyShare * (total.beforeMs ?? 0))].filter(({ ratio, clearlySlower, expected }) => ratio !== null && clearlySlower && ratio > (1 + limit) * expected);

const wholeOf = ({ totalMs, leastMs, mostMs, dispatches }: ComparableProfile): Omit<ComparedGroup, "name"> => ({ timeMs: totalMs, leastMs, mostMs, dispatches: dispatches.length });

function change(name: string, before: Omit<ComparedGroup, "name"> | undefined, after: Omit<ComparedGroup, "name"> | undefined, expected: number): Change {
  const [beforeMs, afterMs] = [before?.timeMs ?? null, after?.timeMs ?? null];
  return {
    name, beforeMs, afterMs, ratio: beforeMs !== null && afterMs !== null && beforeMs > 0 ? afterMs / beforeMs : null,
    clearlySlower: before !== undefined && after !== undefined && (after.leastMs ?? after.timeMs) > (before.mostMs ?? before.timeMs),
    expected,
    dispatches: [before?.dispatches ?? 0, after?.dispatches ?? 0],
  };
}

/** By name, the greatest difference first. */
function changesOf(before: readonly ComparedGroup[], after: readonly ComparedGroup[], known: (bound: Bound | undefined) => number): Change[] {
  const [old, now] = [before, after].map((groups) => new Map(groups.map((g) => [g.name, g])));
  const names = new Set([...before, ...after].map((g) => g.name));
  const moved = ({ beforeMs, afterMs }: Change) => Math.abs((afterMs ?? 0) - (beforeMs ?? 0));
  return [...names].map((name) => change(name, old?.get(name), now?.get(name), known(now?.get(name)?.bound))).sort((a, b) => moved(b) - moved(a));
}

/** Why times of two profiles say nothing of each other: other work, another device, other checks; null where they do. */
export function incomparable(before: Pick<ComparableProfile, "workload" | "adapter">, now: Pick<ProfileReport, "workload" | "adapter">): string | null {
  for (const [is, a, b] of [
    ["of", titleOf(before.workload), titleOf(now.workload)],
    ["from", adapterName(before.adapter), adapterName(now.adapter)],
    ["with toggles", togglesText(before.adapter), togglesText(now.adapter)],
  ] as const) if (a !== b) return `is ${is} ${a}, this would be ${is} ${b}`;
  return null;
}

/** Labels of `these` that occur more often than among `those`, longest time first. */
function missingFrom(these: ComparableProfile["dispatches"], those: ComparableProfile["dispatches"]): ComparedGroup[] {
  const left = new Map<string, number>();
  for (const { label } of those) left.set(label, (left.get(label) ?? 0) + 1);
  const extra = new Map<string, { timeMs: number; dispatches: number }>();
  for (const { label, timeMs } of these) {
    const rest = left.get(label) ?? 0;
    if (rest > 0) left.set(label, rest - 1);
    else {
      const found = extra.get(label) ?? { timeMs: 0, dispatches: 0 };
      extra.set(label, { timeMs: found.timeMs + timeMs, dispatches: found.dispatches + 1 });
    }
  }
  return [...extra].map(([name, found]) => ({ name, ...found })).sort((a, b) => b.timeMs - a.timeMs);
}

/** Whether any shape was tuned to one family here and to another, or to none, there. */
function choicesDiffer({ tuned: a }: KernelChoice, { tuned: b }: KernelChoice): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].some((key) => a[key] !== b[key]);
}

function differencesOf(before: ComparableProfile, after: ComparableProfile): string[] {
  const found: string[] = [];
  const differ = (what: string, a: string, b: string) => a !== b && found.push(`${what}: ${a || "none"} before, ${b || "none"} now`);
  differ("work", titleOf(before.workload), titleOf(after.workload));
  differ("adapter", adapterName(before.adapter), adapterName(after.adapter));
  differ("toggles", before.adapter.toggles.join(" "), after.adapter.toggles.join(" "));
  differ("clock", before.method, after.method);
  if (before.choice && after.choice && choicesDiffer(before.choice, after.choice)) found.push(`choice of kernels: ${[before.choice, after.choice].map((c) => choiceText(c).replace("kernels: ", "")).join(" before; now ")}`);
  for (const { unit, from, to, ratio } of speedsOf(before, after)) {
    if (ratio < slow || ratio > 1 / slow) found.push(`speed of the machine: ${to.toFixed(1)} ${unit} at its best, ${from.toFixed(1)} before; other work, or other clocks`);
  }
  return found;
}

/** Ceilings at less than this share of what they were are another speed of the machine. */
const slow = 0.8;

const speedsOf = (before: ComparableProfile, after: ComparableProfile) =>
  ([["gflopPerSecond", "GFLOP/s"], ["gigabytesPerSecond", "GB/s"]] as const).map(([name, unit]) => {
    const [from, to] = [before.ceilings[name], after.ceilings[name]];
    return { unit, from, to, ratio: from > 0 && to > 0 ? to / from : 1 };
  });
