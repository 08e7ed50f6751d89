// A profile's dispatches, summed by kernel and by layer.

import type { DispatchTiming, Profile } from "@roentgen/gpu";

export interface Group {
  readonly name: string;
  readonly dispatches: number;
  readonly timeMs: number;
  /** Of the whole profile, 0 to 1. */
  readonly share: number;
  readonly gflopPerSecond: number;
  readonly gigabytesPerSecond: number;
}

/** Dispatches put together by a name, longest time first. */
export function groupBy({ dispatches, totalMs }: Profile, nameOf: (dispatch: DispatchTiming) => string): Group[] {
  const groups = new Map<string, DispatchTiming[]>();
  for (const dispatch of dispatches) {
    const name = nameOf(dispatch);
    const group = groups.get(name);
    if (group) group.push(dispatch);
    else groups.set(name, [dispatch]);
  }
  return [...groups].map(([name, members]): Group => {
    const sum = (of: (d: DispatchTiming) => number) => members.reduce((total, d) => total + of(d), 0);
    const timeMs = sum((d) => d.timeMs);
    const perSecond = (amount: number) => (timeMs > 0 ? amount / timeMs / 1e6 : 0);
    return { name, dispatches: members.length, timeMs, share: totalMs > 0 ? timeMs / totalMs : 0, gflopPerSecond: perSecond(sum((d) => d.flops)), gigabytesPerSecond: perSecond(sum((d) => d.bytes)) };
  }).sort((a, b) => b.timeMs - a.timeMs);
}

/** The module a dispatch belongs to, with "grad" for its backward pass: "layer1.0.conv1 grad". Labels are `module op [grad] kernel`. */
export function layerOf({ label }: Pick<DispatchTiming, "label">): string {
  const words = label.split(" ");
  const [first = ""] = words;
  // What is dispatched outside every module (the loss, say) is named by its op.
  return `${first}${words.includes("grad") ? " grad" : ""}`;
}

interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** A profile in Chrome's trace event format (JSON object form). */
export function chromeTrace(profile: Profile, adapter: string): { traceEvents: TraceEvent[]; displayTimeUnit: "ms"; otherData: Readonly<Record<string, unknown>> } {
  const named = (name: string, value: string): TraceEvent => ({ name, ph: "M", pid: 1, tid: 1, args: { name: value } });
  return {
    traceEvents: [
      named("process_name", adapter),
      named("thread_name", `plan ${profile.plan}`),
      ...profile.dispatches.map((d, i): TraceEvent => ({
        name: d.label, cat: d.kernel, ph: "X", pid: 1, tid: 1, ts: d.startMs * 1000,
        // Starts are the first repeat's and times are medians; a viewer would show what overlaps as nested.
        dur: 1000 * Math.max(0, Math.min(d.timeMs, (profile.dispatches[i + 1]?.startMs ?? Number.POSITIVE_INFINITY) - d.startMs)),
        args: { kernel: d.kernel, grid: d.grid.join("x"), medianMs: d.timeMs, "GFLOP/s": d.gflopPerSecond, "GB/s": d.gigabytesPerSecond, flops: d.flops, bytes: d.bytes },
      })),
    ],
    displayTimeUnit: "ms",
    otherData: { plan: profile.plan, repeats: profile.repeats, totalMs: profile.totalMs },
  };
}
