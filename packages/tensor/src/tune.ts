// Choice by measurement: times every way of computing a task on random inputs, side by side, and keeps the fastest of those that
// agree with the plain kernels. What is found is data (a Tuning), good for the adapter, driver, toggles and shaders it was found with.

import { Rng, sizeOf, toHalf } from "@roentgen/core";
import type { Device, DeviceInfo } from "@roentgen/gpu";
import { shadersHash } from "@roentgen/kernels";
import type { OpenTask, Winners } from "./choice.ts";
import type { Spec } from "./record.ts";
import { type Tensor, tensor } from "./tensor.ts";
import { once, sideBySide, unlessRefused, type Way } from "./time-ways.ts";

/** One family's showing on one task. */
export interface Attempt {
  readonly family: string;
  /** Median time of one computation in milliseconds, or a single sample where more were hopeless or did not fit; null where it has a fault. */
  readonly timeMs: number | null;
  /** The least of the samples that `timeMs` is the median of. */
  readonly leastMs?: number;
  /** Largest difference from the plain kernels, relative to their largest value; null where nothing was computed. */
  readonly error: number | null;
  /** Why it may not win: wrong, or refused by the device (it does not compile, its memory is not there). */
  readonly fault?: string;
  /** Memory for it, or for it beside the others, was not there. Another time it may be, so its finding is not kept. */
  readonly short?: true;
}

/** What measurement found of one task; the first attempt is what prediction alone would have taken. */
export interface Finding {
  readonly winner: string;
  readonly attempts: readonly Attempt[];
}

export interface Tuning {
  readonly version: 1;
  /** What the times depend on. */
  readonly identity: string;
  readonly findings: Readonly<Record<string, Finding>>;
}

export interface TuneOptions {
  /** Findings that need no repetition. */
  readonly known?: Tuning | null;
  /** Time to spend on sampling a family, at least one sample each; default 100 ms. */
  readonly budgetMs?: number;
  /** Told of each task when it is done. */
  readonly onProgress?: (done: number, all: number, key: string, finding: Finding) => void;
  /** Aborted: the task under way is finished, the rest is not measured. */
  readonly signal?: AbortSignal | undefined;
}

/** A tuning holds as long as this text stays the same. */
export function tuningIdentity({ vendor, architecture, device, description, platform, toggles }: DeviceInfo): string {
  return JSON.stringify({ vendor, architecture, device, description, platform, toggles: [...toggles].sort(), shaders: shadersHash });
}

/** A tuning as it was stored; null for anything else: a cache that cannot be read is measured again. */
export function parseTuning(text: string): Tuning | null {
  try {
    const { version, identity, findings } = JSON.parse(text) as Record<keyof Tuning, unknown>;
    if (version !== 1 || typeof identity !== "string" || typeof findings !== "object" || findings === null) return null;
    return Object.values(findings).every(isFinding) ? { version, identity, findings: findings as Tuning["findings"] } : null;
  } catch {
    return null;
  }
}

function isFinding(finding: unknown): boolean {
  const { winner, attempts } = (finding ?? {}) as Partial<Record<keyof Finding, unknown>>;
  return Array.isArray(attempts) && attempts.every(isAttempt) && attempts.some(({ family, timeMs, fault }: Attempt) => family === winner && timeMs !== null && fault === undefined);
}

function isAttempt(attempt: unknown): boolean {
  const { family, timeMs, leastMs = 0, error, fault = "", short = true } = (attempt ?? {}) as Partial<Record<keyof Attempt, unknown>>;
  const isTime = (value: unknown) => typeof value === "number" && value >= 0;
  // JSON has no Infinity: a difference that is not finite was written as null.
  return typeof family === "string" && (timeMs === null || isTime(timeMs)) && isTime(leastMs) && (error === null || typeof error === "number") && typeof fault === "string" && short === true;
}

/** Families by task, for `useTuning`. */
export const winnersOf = ({ findings }: Tuning): Winners => new Map(Object.entries(findings).map(([key, { winner }]) => [key, winner]));

/** A winner's median must be this much below the guess's least time: what is within the noise stays as predicted. */
const clearly = 0.97;

/** Ways that took this many times longer than the best are not sampled again. */
const hopeless = 4;

/**
 * How far from the plain kernels a family may be, relative to their largest value. f32: two roundings of sums in another order; f16:
 * twice the distance of neighbouring numbers, since either result may have been rounded away from the other.
 */
const tolerances: Readonly<Partial<Record<Spec["dtype"], number>>> = { f32: 4e-5, f16: 2e-3 };

/** Measures each task; tasks with one way only, and known ones, cost nothing. Throws what makes the plain kernels or the device fail. */
export async function tune(device: Device, tasks: readonly OpenTask[], { known = null, budgetMs = 100, onProgress, signal }: TuneOptions = {}): Promise<Tuning> {
  const identity = tuningIdentity(device.info);
  const findings: Record<string, Finding> = known?.identity === identity ? { ...known.findings } : {};
  const open = tasks.filter(({ key, ways }) => ways.length > 1 && !Object.hasOwn(findings, key));
  for (const [i, task] of open.entries()) {
    if (signal?.aborted) break;
    const finding = await measured(device, task, budgetMs);
    findings[task.key] = finding;
    onProgress?.(i + 1, open.length, task.key, finding);
  }
  return { version: 1, identity, findings };
}

/** Where tunings are kept between runs. */
export interface TuningStore {
  /** What was measured under this identity; null if nothing was. */
  readonly read: (identity: string) => Promise<Tuning | null>;
  readonly write: (tuning: Tuning) => Promise<unknown>;
}

export interface TuningForOptions extends Pick<TuneOptions, "budgetMs" | "onProgress" | "signal"> {
  readonly measure: boolean;
  /** Measures also what the store knows. What is known is kept until it is replaced. */
  readonly again?: boolean;
  /** Told once where the store cannot keep what was measured. It is used all the same. */
  readonly onLost?: (reason: Error) => void;
}

/**
 * What a store knows of these tasks; with `measure`, the rest is measured. Each finding is kept at once, beside those that others have
 * found meanwhile, so an interruption loses one; where memory was short it is for this run alone. Tasks with one family alone, and those
 * that nobody measured, are missing.
 */
export async function tuningFor(
  device: Device, tasks: readonly OpenTask[], store: TuningStore,
  { measure, again = false, budgetMs, onProgress, signal, onLost }: TuningForOptions,
): Promise<Tuning> {
  const identity = tuningIdentity(device.info);
  let lost = false;
  let tuning: Tuning = (await store.read(identity)) ?? { version: 1, identity, findings: {} };
  for (const [i, task] of measure ? tasks.entries() : []) {
    const found: string[] = [];
    const { [task.key]: _, ...others } = tuning.findings;
    const known = again ? { ...tuning, findings: others } : tuning;
    const after = await tune(device, [task], { known, signal, ...(budgetMs === undefined ? {} : { budgetMs }), onProgress: (_, __, key) => found.push(key) });
    if (found.length === 0) continue;
    tuning = { ...after, findings: { ...(await store.read(identity))?.findings, ...after.findings } };
    await store.write(withoutShort(tuning)).catch((reason: Error) => {
      if (!lost) onLost?.(reason);
      lost = true;
    });
    onProgress?.(i + 1, tasks.length, task.key, tuning.findings[task.key] as Finding);
  }
  const asked = new Set(tasks.map(({ key }) => key));
  return { ...tuning, findings: Object.fromEntries(Object.entries(tuning.findings).filter(([key]) => asked.has(key))) };
}

const withoutShort = (tuning: Tuning): Tuning =>
  ({ ...tuning, findings: Object.fromEntries(Object.entries(tuning.findings).filter(([, { attempts }]) => !attempts.some(({ short }) => short))) });

async function measured(device: Device, task: OpenTask, budgetMs: number): Promise<Finding> {
  const rng = Rng.for(0, task.key);
  const made = () => randoms(device, task.inputs, rng);
  const inputs = made();
  const tolerance = Math.max(...task.inputs.map(({ dtype }) => tolerances[dtype] ?? 0));
  try {
    const plain = task.ways.find(({ name }) => name === "plain");
    if (!plain) throw new Error(`internal: ${task.key} has no plain family to check the others against.`);
    const wanted = await once(device, task.key, plain, inputs);
    const attempts: Attempt[] = [];
    const able: { way: Way; at: number; firstMs: number }[] = [];
    for (const way of task.ways) {
      const got = way === plain ? wanted : await unlessRefused(device, () => once(device, task.key, way, inputs));
      if ("refusal" in got) {
        attempts.push({ family: way.name, timeMs: null, error: null, fault: got.refusal, ...(got.short ? { short: true } : {}) });
        continue;
      }
      const { value, firstMs } = got;
      const error = relativeError(value, wanted.value);
      const exact = error <= tolerance;
      if (exact) able.push({ way, at: attempts.length, firstMs });
      attempts.push({ family: way.name, timeMs: exact ? firstMs : null, error, ...(exact ? {} : { fault: `differs from the plain kernels by ${error.toExponential(1)}` }) });
    }
    const best = Math.min(...able.map(({ firstMs }) => firstMs));
    // The guess has its chance whatever its first times: something else may have had the processor.
    const hopeful = able.filter(({ firstMs, at }) => firstMs <= hopeless * best || at === 0);
    const times = await sideBySide(device, task.key, hopeful, { inputs, made }, budgetMs);
    for (const [i, { at, firstMs }] of hopeful.entries()) attempts[at] = { ...(attempts[at] as Attempt), ...(times[i] ?? { timeMs: firstMs, short: true }) };
    return { winner: winnerAmong(attempts), attempts };
  } finally {
    for (const input of inputs) input.dispose();
  }
}

/** All of them, or where memory is short none. */
function randoms(device: Device, specs: readonly Spec[], rng: Rng): Tensor[] {
  const made: Tensor[] = [];
  try {
    for (const one of specs) made.push(random(device, one, rng));
    return made;
  } catch (error) {
    for (const tensor of made) tensor.dispose();
    throw error;
  }
}

function random(device: Device, { dtype, shape }: Spec, rng: Rng): Tensor {
  const values = Float32Array.from({ length: sizeOf(shape) }, () => rng.uniform(-1, 1));
  return tensor(device, dtype === "f16" ? toHalf(values) : values, shape, dtype);
}

/** The fastest; but the first, the guess, unless another is clearly faster. */
export function winnerAmong(attempts: readonly Attempt[]): string {
  const timed = attempts.filter((a): a is Attempt & { timeMs: number } => a.timeMs !== null && a.fault === undefined);
  const [fastest] = [...timed].sort((a, b) => a.timeMs - b.timeMs);
  const guess = timed.find((a) => a === attempts[0]);
  const winner = guess && fastest && fastest.timeMs > clearly * (guess.leastMs ?? guess.timeMs) ? guess : fastest;
  if (!winner) throw new Error("internal: no family of a task could be timed.");
  return winner.family;
}

/** Largest difference relative to the largest wanted value; Infinity for what is not a number. */
function relativeError(got: Float32Array, wanted: Float32Array): number {
  let [scale, worst] = [0, 0];
  for (let i = 0; i < wanted.length; i++) {
    const [a, b] = [got[i] ?? NaN, wanted[i] ?? NaN];
    scale = Math.max(scale, Math.abs(b));
    const off = Math.abs(a - b);
    if (!(off <= worst)) worst = Number.isNaN(off) ? Infinity : off;
  }
  return worst === 0 ? 0 : worst / scale;
}
