// A profile as a document: what was run on what, every dispatch with its verdict, groups, warnings, memory. Tables, pages, traces
// and comparisons are drawn from it alone; `roentgen profile --json` prints it.

import type { Ceilings, DeviceInfo, Profile } from "@roentgen/gpu";
import type { Precision } from "@roentgen/nn";
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

export interface ProfileReport extends Omit<Profile, "dispatches"> {
  readonly format: "roentgen profile 1";
  readonly roentgen: string;
  /** "Node v20.20.2", or a browser's own description. */
  readonly runtime: string;
  readonly workload: Workload;
  readonly adapter: ProfiledAdapter;
  readonly ceilings: Ceilings;
  readonly dispatches: readonly JudgedDispatch[];
  /** The sum of what the ceilings allow. */
  readonly roofMs: number;
  readonly phases: readonly Group[];
  readonly ops: readonly Group[];
  readonly layers: readonly Group[];
  readonly kernels: readonly Group[];
  readonly warnings: readonly Warning[];
}

export function profileReport(profile: Profile, ceilings: Ceilings, about: Pick<ProfileReport, "roentgen" | "runtime" | "workload"> & { readonly adapter: ProfiledAdapter }): ProfileReport {
  const { vendor, architecture, device, description, software, toggles, platform } = about.adapter;
  const dispatches = profile.dispatches.map((d) => judge(d, ceilings));
  const kernels = groupBy(dispatches, (d) => d.kernel);
  return {
    format: "roentgen profile 1",
    ...about,
    adapter: { vendor, architecture, device, description, software, toggles, platform },
    ...profile,
    ceilings,
    dispatches,
    roofMs: dispatches.reduce((sum, d) => sum + d.roofMs, 0),
    phases: groupBy(dispatches, (d) => d.phase),
    ops: groupBy(dispatches, (d) => d.op),
    layers: groupBy(dispatches, (d) => d.layer),
    kernels,
    warnings: warningsOf({ ...profile, dispatches }, kernels, ceilings, software),
  };
}

/** What the driver says of itself; a browser often says no more than vendor and architecture. */
export const adapterName = ({ description, vendor, architecture, device }: Pick<ProfiledAdapter, "description" | "vendor" | "architecture" | "device">): string =>
  description || [vendor, architecture, device].filter(Boolean).join(" ") || "an unnamed adapter";

/** "resnet50, training step with Adam, batch 32, 224 px". */
export const titleOf = ({ model, train, batch, size, precision }: Workload): string =>
  `${model}, ${train ? "training step with Adam" : "forward pass"}, batch ${batch}, ${size} px${precision === "mixed" ? ", mixed precision" : ""}`;

/** How the times were taken, in a sentence or two. */
export function methodText({ method, quantumNs, repeats, dispatches }: Pick<ProfileReport, "method" | "quantumNs" | "repeats" | "dispatches">): string {
  const step = quantumNs >= 1000 ? `${Number((quantumNs / 1000).toPrecision(3))} µs` : `${quantumNs} ns`;
  const how = { pass: "GPU timestamps, one pass for each dispatch", "inside-pass": "GPU timestamps inside one pass", wall: "the host's clock, one submit for each dispatch (no timestamp-query here)" }[method];
  const most = Math.max(1, ...dispatches.map((d) => d.inARow));
  return `Median of ${repeats}, by ${how}, in steps of ${step}.${most > 1 ? ` So coarse a clock times rows: each dispatch ran up to ${most} times in a row, with warm caches.` : ""}`;
}
