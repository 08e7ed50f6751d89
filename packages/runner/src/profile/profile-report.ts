// A profile as a document: what was run on what, every dispatch with its verdict, groups, warnings, memory. Tables, pages, traces
// and comparisons are drawn from it alone; `roentgen profile --json` prints it.

import { type DeviceInfo, type Profile, readableBytes, type RepeatedCeilings } from "@roentgen/gpu";
import type { Precision } from "@roentgen/nn";
import type { OpenTask, Winners } from "@roentgen/tensor";
import { type Group, groupBy, judge, type JudgedDispatch } from "./judge.ts";
import { type Warning, warningsOf } from "./warnings.ts";

/** What is profiled: a model's forward pass, or its training step with Adam. */
export interface Workload {
  /** As `modelNamed` takes it: resnet50, unet-resnet18. */
  readonly model: string;
  readonly train: boolean;
  readonly batch: number;
  /** Height and width, in pixels. */
  readonly size: number;
  /** Default f32. */
  readonly precision?: Precision;
}

export type ProfiledAdapter = Pick<DeviceInfo, "vendor" | "architecture" | "device" | "description" | "software" | "toggles" | "platform">;

/** How the families of kernels were chosen, of the shapes that more than one can compute. */
export interface KernelChoice {
  readonly shapes: number;
  /** Family by shape, where a tuning chose it; the rest is by rule. */
  readonly tuned: Readonly<Record<string, string>>;
  /** The day that tuning was last written; null where that is not known, or nothing is tuned. */
  readonly date: string | null;
}

/** The machine while it was profiled. */
export interface Machine {
  readonly cores: number;
  /** Load average of the last minute, when the profile began and ended. */
  readonly load: { readonly start: number; readonly end: number };
}

export interface ProfileReport extends Omit<Profile, "dispatches"> {
  readonly format: "roentgen profile 1";
  readonly roentgen: string;
  /** "Node v20.20.2", or a browser's own description. */
  readonly runtime: string;
  readonly workload: Workload;
  readonly adapter: ProfiledAdapter;
  readonly choice: KernelChoice;
  /** Null where it cannot be known, as in a tab. */
  readonly machine: Machine | null;
  readonly ceilings: RepeatedCeilings;
  readonly dispatches: readonly JudgedDispatch[];
  /** The sum of what the ceilings allow. */
  readonly roofMs: number;
  readonly phases: readonly Group[];
  readonly ops: readonly Group[];
  readonly layers: readonly Group[];
  readonly kernels: readonly Group[];
  readonly warnings: readonly Warning[];
}

export interface AboutProfile extends Pick<ProfileReport, "roentgen" | "runtime" | "workload" | "choice"> {
  readonly adapter: ProfiledAdapter;
  readonly machine?: Machine;
}

export function profileReport(profile: Profile, ceilings: RepeatedCeilings, { machine, adapter, choice, roentgen, runtime, workload }: AboutProfile): ProfileReport {
  const { vendor, architecture, device, description, software, toggles, platform } = adapter;
  const dispatches = profile.dispatches.map((d) => judge(d, ceilings));
  const kernels = groupBy(dispatches, (d) => d.kernel);
  return {
    format: "roentgen profile 1",
    roentgen, runtime, workload,
    adapter: { vendor, architecture, device, description, software, toggles, platform },
    choice,
    machine: machine ?? null,
    ...profile,
    ceilings,
    dispatches,
    roofMs: dispatches.reduce((sum, d) => sum + d.roofMs, 0),
    phases: groupBy(dispatches, (d) => d.phase),
    ops: groupBy(dispatches, (d) => d.op),
    layers: groupBy(dispatches, (d) => d.layer),
    kernels,
    warnings: warningsOf({ ...profile, dispatches, machine: machine ?? null }, kernels, ceilings, software),
  };
}

/** What the driver says of itself; a browser often says no more than vendor and architecture. */
export const adapterName = ({ description, vendor, architecture, device }: Pick<ProfiledAdapter, "description" | "vendor" | "architecture" | "device">): string =>
  description || [vendor, architecture, device].filter(Boolean).join(" ") || "an unnamed adapter";

/** What is on in Dawn, and off with a minus. */
export const togglesText = ({ toggles, platform }: Pick<ProfiledAdapter, "toggles" | "platform">): string =>
  toggles.join(" ") || (platform === "browser" ? "not told by a browser" : "none");

/** "resnet50, training step with Adam, batch 32, 224 px". */
export const titleOf = ({ model, train, batch, size, precision }: Workload): string =>
  `${model}, ${train ? "training step with Adam" : "forward pass"}, batch ${batch}, ${size} px${precision === "mixed" ? ", mixed precision" : ""}`;

/** How the times were taken, in a sentence or two. */
export function methodText({ method, quantumNs, repeats, dispatches }: Pick<ProfileReport, "method" | "quantumNs" | "repeats" | "dispatches">): string {
  const step = quantumNs >= 1000 ? `${Number((quantumNs / 1000).toPrecision(3))} µs` : `${quantumNs} ns`;
  const how = { pass: "GPU timestamps, one pass for each dispatch", "inside-pass": "GPU timestamps inside one pass", wall: "the host's clock, one submit for each dispatch (no timestamp-query here)" }[method];
  const most = Math.max(1, ...dispatches.map((d) => d.inARow));
  const copies = dispatches.filter((d) => d.copiedBytes > 0);
  const copied = copies.length > 0 ? ` ${copies.length} dispatches begin with copies into textures, ${readableBytes(copies.reduce((sum, d) => sum + d.copiedBytes, 0))} together: in their times, not in their bytes.` : "";
  return `Median of ${repeats}, by ${how}, in steps of ${step}.${most > 1 ? ` So coarse a clock times rows: each dispatch ran up to ${most} times in a row, with warm caches.` : ""}${copied}`;
}

/** How busy the machine was, in a phrase; null where that is not known. */
export const loadText = ({ machine }: Pick<ProfileReport, "machine">): string | null =>
  machine && `load average ${machine.load.start.toFixed(1)} before and ${machine.load.end.toFixed(1)} after, on ${machine.cores} cores`;

/** What a tuning found, and the day it was last written (2026-11-23); null where that is not known. */
export interface KnownTuning {
  readonly winners: Winners;
  readonly date: string | null;
}

/** Which of a step's shapes a tuning decided: one that names no family able to compute a shape leaves it to the rule. */
export function choiceOf(tasks: readonly { readonly key: string; readonly ways: readonly Pick<OpenTask["ways"][number], "name">[] }[], tuning: KnownTuning | null): KernelChoice {
  const open = tasks.filter(({ ways }) => ways.length > 1);
  const tuned = open.flatMap(({ key, ways }) => {
    const way = ways.find(({ name }) => name === tuning?.winners.get(key));
    return way ? [[key, way.name] as const] : [];
  });
  return { shapes: open.length, tuned: Object.fromEntries(tuned), date: tuned.length > 0 ? (tuning?.date ?? null) : null };
}

/** "kernels: 12 of 40 shapes tuned (2026-11-23), the rest by rule". */
export function choiceText({ shapes, tuned, date }: KernelChoice): string {
  const count = Object.keys(tuned).length;
  if (count === 0) return "kernels: by rule";
  return `kernels: ${count} of ${shapes} shapes tuned${date === null ? "" : ` (${date})`}${count < shapes ? ", the rest by rule" : ""}`;
}
