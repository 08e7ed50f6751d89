// A profile in Chrome's trace event format (JSON object form), for Perfetto and chrome://tracing: what the host did in a plain run,
// the device's dispatches inside their layers inside their phases, and the bytes that live in the plan's slots.

import { liveBytes } from "./memory-timeline.ts";
import { adapterName, type ProfileReport, titleOf } from "./profile-report.ts";

export interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  /** X a slice, C a counter, M a name of a track, s and f the ends of an arrow between slices. */
  readonly ph: "X" | "C" | "M" | "s" | "f";
  /** Of an arrow: the dispatch's place in the plan. */
  readonly id?: number;
  /** The arrow ends in the slice around it. */
  readonly bp?: "e";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ms";
  readonly otherData: Readonly<Record<string, unknown>>;
}

const host = { pid: 1, tid: 1 } as const;
const device = { pid: 2, tid: 1 } as const;

/** Both begin at 0: the host's clock and the device's have no common zero, so the device's track begins where the submit ends. */
export function chromeTrace(report: ProfileReport): Trace {
  const { dispatches, plain, adapter } = report;
  const encodeMs = Math.max(plain.encodeMs, ...dispatches.map((d) => d.encodeStartMs + d.encodeMs));
  const deviceMs = encodeMs + plain.submitMs;
  const live = liveBytes(report.memory, dispatches.length);
  return {
    traceEvents: [
      named("process_name", "CPU", host), named("thread_name", "encode", host),
      named("process_name", `GPU: ${adapterName(adapter)}`, device), named("thread_name", `plan ${report.plan}`, device),
      slice("encode", host, 0, encodeMs, { note: "with the clock read around each dispatch", "encode of a plain run, ms": plain.encodeMs }),
      ...dispatches.map((d, i) => slice(d.label, host, d.encodeStartMs, d.encodeMs, { kernel: d.kernel, dispatch: i })),
      slice("submit", host, encodeMs, plain.submitMs, {}),
      ...nested(dispatches.map((d, place) => ({ ...d, place, at: deviceMs + d.startMs }))),
      ...dispatches.flatMap((d, id): TraceEvent[] => [
        { name: "dispatch", cat: "dispatch", ph: "s", id, ...host, ts: micro(d.encodeStartMs), args: {} },
        { name: "dispatch", cat: "dispatch", ph: "f", bp: "e", id, ...device, ts: micro(deviceMs + d.startMs), args: {} },
      ]),
      ...dispatches.map((d, i): TraceEvent => ({ name: "live bytes of the plan", ph: "C", ...device, ts: micro(deviceMs + d.startMs), args: { bytes: live[i] ?? 0 } })),
    ],
    displayTimeUnit: "ms",
    otherData: { roentgen: report.roentgen, work: titleOf(report.workload), plan: report.plan, toggles: adapter.toggles.join(" "), method: report.method, repeats: report.repeats, totalMs: report.totalMs },
  };
}

/** Whole nanoseconds, so that what is nested stays so when a reader adds `ts` and `dur`. */
const micro = (ms: number): number => Math.round(ms * 1e6) / 1000;

function slice(name: string, { pid, tid }: { pid: number; tid: number }, atMs: number, ms: number, args: TraceEvent["args"], cat?: string): TraceEvent {
  const ts = micro(atMs);
  return { name, ...(cat === undefined ? {} : { cat }), ph: "X", pid, tid, ts, dur: Math.max(0, Math.round(1000 * (micro(atMs + ms) - ts)) / 1000), args };
}

const named = (name: string, value: string, { pid, tid }: { pid: number; tid: number }): TraceEvent => ({ name, ph: "M", pid, tid, args: { name: value } });

type Placed = ProfileReport["dispatches"][number] & { readonly at: number; readonly place: number };

/** Phases around layers around dispatches, parents before what they hold. */
function nested(dispatches: readonly Placed[]): TraceEvent[] {
  const span = (name: string, cat: string, members: readonly Placed[]): TraceEvent => {
    const [first, last] = [members[0], members.at(-1)];
    if (!first || !last) throw new Error("internal: a run of no dispatches.");
    return slice(name, device, first.at, last.at + last.timeMs - first.at, { dispatches: members.length }, cat);
  };
  return runsOf(dispatches, (d) => d.phase).flatMap((phase) => [
    span(phase[0]?.phase ?? "", "phase", phase),
    ...runsOf(phase, (d) => d.layer).flatMap((layer) => [
      span(layer[0]?.layer ?? "", "layer", layer),
      ...layer.map((d) => slice(d.label, device, d.at, d.timeMs, {
        kernel: d.kernel, dispatch: d.place, grid: d.grid.join("x"), "nearest roof": d.bound, "of roof": d.ofRoof, "GFLOP/s": d.gflopPerSecond, "GB/s": d.gigabytesPerSecond, flops: d.flops, bytes: d.bytes, "bytes copied into textures before": d.copiedBytes, leastMs: d.leastMs, mostMs: d.mostMs,
      }, d.kernel)),
    ]),
  ]);
}

/** Neighbours that agree, put together. */
function runsOf<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const runs: T[][] = [];
  for (const item of items) {
    const last = runs.at(-1);
    if (last?.[0] !== undefined && keyOf(last[0]) === keyOf(item)) last.push(item);
    else runs.push([item]);
  }
  return runs;
}
