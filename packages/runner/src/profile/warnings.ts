// What a profile gives reason to look at, and where to look: rules over its numbers, in words.

import type { Ceilings } from "@roentgen/gpu";
import type { Group, JudgedDispatch } from "./judge.ts";
import type { ProfileReport } from "./profile-report.ts";

export interface Warning {
  /** The kernel it is about; null: the whole. */
  readonly kernel: string | null;
  readonly what: string;
  readonly lookAt: readonly string[];
}

/** Below this share of its roof a kernel is worth a look. */
export const lowOfRoof = 0.2;
/** A kernel with less of the whole than this is not worth one of its own. */
const leastShare = 0.01;
/** Groups below which a GPU has idle units; a processor has few cores to feed. */
const fewGroups = { gpu: 256, software: 8 } as const;

/** Two ways to time the same work may differ by so much. */
const agree = 1.25;

type Numbers = Pick<ProfileReport, "plain" | "totalMs" | "dispatches" | "machine">;

export function warningsOf(profile: Numbers, kernels: readonly Group[], ceilings: Pick<Ceilings, "launchMs" | "doubts">, software: boolean): Warning[] {
  const low = kernels.filter((k) => k.ofRoof < lowOfRoof && k.share >= leastShare);
  return [
    ...low.map((group): Warning => ({
      kernel: group.name,
      what: `${group.name} reaches ${percent(group.ofRoof)} of its ${group.bound} roof and takes ${percent(group.share)} of the time`,
      lookAt: lookAt(group, profile.dispatches.filter((d) => d.kernel === group.name), ceilings.launchMs, software),
    })),
    ...rest(profile, new Set(low.map((k) => k.name))),
    ...wholeStep(profile),
    ...(ceilings.doubts.length > 0 ? [{ kernel: null, what: "the ceilings are doubtful, and every share of a roof with them", lookAt: [...ceilings.doubts, "measure again with nothing else running"] }] : []),
  ];
}

/** What is low and not named: kernels of little weight, and dispatches that their kernel's mean hides. */
function rest({ dispatches, totalMs }: Numbers, named: ReadonlySet<string>): Warning[] {
  const low = dispatches.filter((d) => d.timeMs > 0 && d.ofRoof < lowOfRoof && !named.has(d.kernel));
  if (low.length === 0) return [];
  const worst = most(low, (d) => d.timeMs - d.roofMs);
  const timeMs = low.reduce((sum, d) => sum + d.timeMs, 0);
  return [{
    kernel: null,
    what: `${named.size > 0 ? "another " : ""}${counted(low.length, "dispatch", "dispatches")} of ${counted(new Set(low.map((d) => d.kernel)).size, "kernel")} ${low.length === 1 ? "is" : "are"} below ${percent(lowOfRoof)} of the roof, ${timeMs.toFixed(3)} ms or ${percent(timeMs / totalMs)} of the time together`,
    lookAt: [`the one that loses most: ${worst.label}, ${percent(worst.ofRoof)} of its ${worst.bound} roof in ${worst.timeMs.toFixed(3)} ms`],
  }];
}

function lookAt({ bound, name }: Group, members: readonly JudgedDispatch[], launchMs: number, software: boolean): string[] {
  const found: string[] = [];
  const total = (of: (d: JudgedDispatch) => number) => members.reduce((sum, d) => sum + of(d), 0);
  const timeMs = total((d) => d.timeMs);
  const few = software ? fewGroups.software : fewGroups.gpu;
  const starved = members.filter((d) => groupsOf(d) < few);
  if (total((d) => (groupsOf(d) < few ? d.timeMs : 0)) > 0.5 * timeMs) {
    found.push(`parallelism: ${starved.length} of ${members.length} dispatches have fewer than ${few} workgroups (${Math.min(...starved.map(groupsOf))} at least); smaller tiles, or the sum split over groups`);
  }
  const small = members.filter((d) => d.timeMs < 3 * launchMs).length;
  if (small > members.length / 2) found.push(`launches: ${small} of ${members.length} dispatches take less than three times an empty one (${launchMs.toFixed(4)} ms); merge them with a neighbour`);
  if (bound === "compute" && name.split(".").length === 2) found.push("family: this is the plain kernel; a shape outside every fast family's, or a device that none was chosen for");
  if (bound === "memory") found.push(`access: neighbouring threads should touch neighbouring words, four at a time; ${total((d) => d.flops) > 0 ? "operands read again and again should stay in registers or shared memory" : "every pass over the data saved counts"}`);
  if (total((d) => d.mostBytes) > 1.2 * total((d) => d.bytes)) found.push("bytes: what it updates in place is counted once; if it reads all of that first, it does better than it looks");
  if (bound === "compute") found.push("inner loop: divisions, bounds and guards in it, register tiles too small to reuse a load, barriers on a software adapter");
  return found;
}

function wholeStep({ plain, totalMs, dispatches, machine }: Numbers): Warning[] {
  const found: Warning[] = [];
  const hostMs = plain.encodeMs + plain.submitMs;
  if (totalMs > 0 && hostMs > 0.5 * totalMs) {
    found.push({ kernel: null, what: `the host takes ${hostMs.toFixed(2)} ms to encode and submit what the device does in ${totalMs.toFixed(2)} ms`, lookAt: [`${dispatches.length} dispatches: fewer of them, or a larger batch`] });
  } else if (totalMs > 0 && plain.wallMs > 1.5 * totalMs) {
    found.push({ kernel: null, what: `a plain run takes ${plain.wallMs.toFixed(2)} ms, its dispatches alone ${totalMs.toFixed(2)} ms`, lookAt: ["the time between dispatches: barriers, the driver, or other work on the machine"] });
  } else if (totalMs > agree * plain.wallMs) {
    found.push({ kernel: null, what: `dispatches timed one by one take ${totalMs.toFixed(2)} ms together, a plain run ${plain.wallMs.toFixed(2)} ms`, lookAt: ["other work on the machine while they were timed: measure again", "a pass for each dispatch, which a plain run does without: short ones look longer than they are"] });
  }
  if (plain.mostMs > agree * plain.leastMs) found.push({ kernel: null, what: `plain runs took ${plain.leastMs.toFixed(2)} to ${plain.mostMs.toFixed(2)} ms`, lookAt: ["other work on the machine, or clocks that rise and fall: measure again"] });
  if (machine && machine.load.start > machine.cores) {
    found.push({ kernel: null, what: `the machine was busy: load average ${machine.load.start.toFixed(1)} on ${machine.cores} cores before anything was measured`, lookAt: ["measure again with nothing else running"] });
  }
  const unsteady = dispatches.filter((d) => d.timeMs > 0.02 * totalMs && d.mostMs > 2 * d.leastMs);
  if (unsteady.length > 0) {
    const worst = most(unsteady, (d) => d.mostMs - d.leastMs);
    found.push({ kernel: null, what: `${counted(unsteady.length, "long dispatch", "long dispatches")} ${unsteady.length === 1 ? "varies" : "vary"} by more than twofold between repeats, ${worst.label} from ${worst.leastMs.toFixed(3)} to ${worst.mostMs.toFixed(3)} ms`, lookAt: ["other work on the machine, or clocks that rise and fall; more --repeats"] });
  }
  // Short ones too, but those that are held against an empty dispatch: both are next to nothing.
  const above = dispatches.filter((d) => d.ofRoof > 1.2 && (d.bound !== "launch" || d.timeMs > 0.01 * totalMs));
  if (above.length > 0) {
    const worst = most(above, (d) => d.ofRoof);
    const share = above.reduce((sum, d) => sum + d.timeMs, 0) / totalMs;
    found.push({
      kernel: null, what: `${counted(above.length, "dispatch", "dispatches")}, ${percent(share)} of the time, ${above.length === 1 ? "is" : "are"} faster than the roof allows, so the roof is too low: ${worst.label} reaches ${percent(worst.ofRoof)} of its ${worst.bound} roof`,
      lookAt: ["reads alone, which may be faster than the copies that the roof is made of", "bytes that are bound and never touched: the op should say how many it moves", "other work on the machine while the ceilings were measured: measure again"],
    });
  }
  return found;
}

const counted = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
const most = <T>(list: readonly T[], of: (item: T) => number): T => list.reduce((a, b) => (of(b) > of(a) ? b : a));
const groupsOf = ({ grid: [x, y, z] }: JudgedDispatch): number => x * y * z;
const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
