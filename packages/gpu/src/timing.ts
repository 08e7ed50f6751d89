// Time of every dispatch of a plan, in runs of their own: a plain `run` knows nothing of any of this.
//
//   pass         a pass for each dispatch with a timestamp at either end; everywhere that has `timestamp-query`
//   inside-pass  one pass, timestamps between dispatches; where the adapter offers Chromium's experimental feature. Splitting passes
//                costs much on tiled GPUs (gpuweb #2046)
//   wall         without timestamps: a submit for each dispatch, timed by the host until the queue is idle
//
// Where the clock is coarse (Chromium rounds timestamps to 65 or 100 µs) or is the host's, each dispatch is run many times in a row,
// until the row is long against the clock's step. What a row has overwritten in place is put back and the dispatch run once more,
// so that a timed run leaves exactly what a plain one leaves.

import { DeviceError, type TypedArray } from "@roentgen/core";
import type { Buffer } from "./buffer.ts";
import { Commands } from "./commands.ts";
import type { Device } from "./device.ts";
import type { Plan } from "./plan.ts";
import { carriedInto } from "./traffic.ts";

export type TimingMethod = "pass" | "inside-pass" | "wall";

export const insidePasses = "chromium-experimental-timestamp-query-inside-passes";

export interface TimingOptions {
  /** Written before every run; without them a run after the first finds what the one before left in their memory. */
  readonly inputs?: readonly (TypedArray | ArrayBufferView)[];
  /** Runs to take the median of. */
  readonly repeats?: number;
  /** Default: the finest the device has. */
  readonly method?: TimingMethod;
  /** Runs each dispatch in a row until the row takes this many milliseconds. Default: only as the clock needs it. */
  readonly leastRowMs?: number;
  /** Called after each run of the plan; `total` may grow while the clock is being learnt. */
  readonly onRound?: (done: number, total: number) => void;
}

export interface Timing {
  readonly method: TimingMethod;
  /** The clock's step as observed, in nanoseconds; of the host's clock where that is used. */
  readonly quantumNs: number;
  /** Times each dispatch ran in a row, once per run of the plan. */
  readonly counts: Uint32Array;
  /** Milliseconds of one execution of each dispatch, for each repeat. */
  readonly samples: readonly Float64Array[];
  /** Milliseconds without work before each dispatch, in the first repeat; zeros where dispatches were repeated in a row. */
  readonly gaps: Float64Array;
  /** How many runs of the plan all this amounts to, for what it leaves in memory. */
  readonly runs: number;
}

/** One run of the plan. */
interface Round {
  /** Milliseconds of each row of equal dispatches, and before it. */
  readonly totals: Float64Array;
  readonly gaps: Float64Array;
  readonly quantumNs: number;
}

/** Query sets hold at most 4,096 timestamps. */
const mostStamps = 4096;
/** Steps above this are too coarse for one dispatch. */
const coarseNs = 10_000;
const mostInARow = 8192;
/** Milliseconds of repeated work in one submit: far from where drivers lose patience. */
const submitMs = 300;

/** Times every dispatch. Throws DeviceError on a device without a GPU. */
export async function timePlan(device: Device, plan: Plan, { inputs = [], repeats = 5, method, leastRowMs = 0, onRound = () => undefined }: TimingOptions = {}): Promise<Timing> {
  const { gpu } = device;
  if (!gpu) throw new DeviceError("profiling needs a GPU, this device only records and plans. Open one with openDevice().");
  await plan.build();
  let chosen = method ?? methodOf(gpu, plan);
  const counts = new Uint32Array(plan.dispatches.length).fill(1);
  const rows = new Rows(device, gpu, plan);
  const samples: Float64Array[] = [];
  let runs = 0;
  const round = async (estimates: Float64Array | null): Promise<Round> => {
    plan.writeInputs(inputs);
    const done = chosen === "wall" ? await rows.byWall(counts) : chosen === "inside-pass" && estimates === null ? await rows.inPass() : await rows.byPass(counts, estimates);
    device.check();
    onRound(++runs, Math.max(repeats, runs));
    return done;
  };
  try {
    let last = await round(null);
    // Timestamps that are all zero are none: some drivers offer the feature without the clock.
    if (last.quantumNs === 0) {
      chosen = "wall";
      last = await round(null);
    }
    const { gaps, quantumNs } = last;
    const isCoarse = chosen === "wall" || quantumNs > coarseNs || leastRowMs > 0;
    if (isCoarse) {
      const target = Math.max(leastRowMs, chosen === "wall" ? 20 : quantumNs > coarseNs ? Math.min(50, Math.max(5, (50 * quantumNs) / 1e6)) : 0);
      let expected: Float64Array | null;
      while ((expected = lengthen(counts, last.totals, target))) last = await round(expected);
    }
    samples.push(perExecution(last.totals, counts));
    while (samples.length < repeats) {
      last = await round(isCoarse ? last.totals : null);
      samples.push(perExecution(last.totals, counts));
    }
    return { method: chosen, quantumNs, counts, samples, gaps: isCoarse ? new Float64Array(gaps.length) : gaps, runs };
  } finally {
    rows.dispose();
  }
}

/** Copies of what is read as an image end passes, so that one pass cannot be timed from inside. */
function methodOf({ features }: GPUDevice, plan: Plan): TimingMethod {
  if (!features.has("timestamp-query")) return "wall";
  return features.has(insidePasses) && !plan.dispatches.some((_, i) => plan.copiedBefore(i) > 0) ? "inside-pass" : "pass";
}

/** Lengthens rows that took less than `target` milliseconds. Returns what each row should take now; null if none can be lengthened. */
export function lengthen(counts: Uint32Array, totals: Float64Array, target: number): Float64Array | null {
  const each = perExecution(totals, counts);
  let lengthened = false;
  for (const [i, count] of counts.entries()) {
    const total = totals[i] ?? 0;
    if (total >= target || count >= mostInARow) continue;
    // A row too short for the clock says little about how much is missing.
    const factor = total > target / 50 ? Math.min(64, (1.2 * target) / total) : 16;
    counts[i] = Math.min(mostInARow, Math.ceil(count * factor));
    lengthened = true;
  }
  return lengthened ? each.map((ms, i) => ms * (counts[i] ?? 1)) : null;
}

const perExecution = (totals: Float64Array, counts: Uint32Array): Float64Array => totals.map((ms, i) => ms / (counts[i] ?? 1));

/** The greatest step that all these times are multiples of, in nanoseconds: the clock's. Two times nearly always tell, one says nothing. */
export function stepOf(...stamps: readonly BigUint64Array[]): number {
  let step = 0n;
  for (const some of stamps) for (const stamp of some) for (let a = stamp; a > 0n; ) [step, a] = [a, step % a];
  return Number(step);
}

/** Rows of equal dispatches, in the plan's order, timed one way or another. */
class Rows {
  readonly #device: Device;
  readonly #gpu: GPUDevice;
  readonly #plan: Plan;
  /** What each dispatch may update in place. */
  readonly #carried: readonly (readonly Buffer[])[];
  #scratch: GPUBuffer | null = null;

  constructor(device: Device, gpu: GPUDevice, plan: Plan) {
    this.#device = device;
    this.#gpu = gpu;
    this.#plan = plan;
    this.#carried = carriedOf(plan);
  }

  dispose(): void {
    if (this.#scratch) this.#device.memory.destroy(this.#scratch);
  }

  async byPass(counts: Uint32Array, estimates: Float64Array | null): Promise<Round> {
    const count = this.#plan.dispatches.length;
    const stamps = new BigUint64Array(2 * count);
    for (let from = 0; from < count; ) {
      const to = chunkEnd(from, count, estimates);
      stamps.set(await this.#stamped(2 * (to - from), (encoder, querySet) => {
        for (let i = from; i < to; i++) this.#row(encoder, i, counts[i] ?? 1, { querySet, beginningOfPassWriteIndex: 2 * (i - from), endOfPassWriteIndex: 2 * (i - from) + 1 });
      }), 2 * from);
      from = to;
    }
    return roundOf(count, (i) => stamps[2 * i] ?? 0n, (i) => stamps[2 * i + 1] ?? 0n, stepOf(stamps));
  }

  async inPass(): Promise<Round> {
    const count = this.#plan.dispatches.length;
    const begins = new BigUint64Array(count);
    const ends = new BigUint64Array(count);
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + mostStamps - 1);
      const stamps = await this.#stamped(to - from + 1, (encoder, querySet) => {
        const commands = new Commands(encoder);
        const pass = commands.pass as StampingPass;
        pass.writeTimestamp(querySet, 0);
        for (let i = from; i < to; i++) {
          this.#plan.encode(commands, undefined, i, i + 1);
          pass.writeTimestamp(querySet, i - from + 1);
        }
        commands.endPass();
      });
      begins.set(stamps.subarray(0, -1), from);
      ends.set(stamps.subarray(1), from);
      from = to;
    }
    return roundOf(count, (i) => begins[i] ?? 0n, (i) => ends[i] ?? 0n, stepOf(begins, ends));
  }

  async byWall(counts: Uint32Array): Promise<Round> {
    const count = this.#plan.dispatches.length;
    const totals = new Float64Array(count);
    const empty: number[] = [];
    for (let i = 0; i < 5; i++) empty.push(await this.#timed((encoder) => encoder.beginComputePass().end()));
    const baseline = empty.sort((a, b) => a - b)[2] ?? 0;
    for (let i = 0; i < count; i++) {
      const n = counts[i] ?? 1;
      if (n > 1) await this.#timed((encoder) => this.#save(encoder, i));
      totals[i] = Math.max(0, (await this.#timed((encoder) => this.#repeat(encoder, i, n))) - baseline);
      if (n > 1) await this.#timed((encoder) => this.#restore(encoder, i));
    }
    return { totals, gaps: new Float64Array(count), quantumNs: hostStepNs() };
  }

  async #timed(encode: (encoder: GPUCommandEncoder) => void): Promise<number> {
    const encoder = this.#gpu.createCommandEncoder({ label: "profile" });
    encode(encoder);
    const commands = encoder.finish();
    const began = performance.now();
    this.#gpu.queue.submit([commands]);
    await this.#device.wait(this.#gpu.queue.onSubmittedWorkDone());
    return performance.now() - began;
  }

  #row(encoder: GPUCommandEncoder, i: number, count: number, timestampWrites: GPUComputePassTimestampWrites): void {
    if (count > 1) this.#save(encoder, i);
    this.#repeat(encoder, i, count, timestampWrites);
    if (count > 1) this.#restore(encoder, i);
  }

  /** Copies before a dispatch are part of its time: they end passes, so that its timestamps are those of empty passes around it all. */
  #repeat(encoder: GPUCommandEncoder, i: number, count: number, timestampWrites?: GPUComputePassTimestampWrites): void {
    const { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex } = timestampWrites ?? {};
    const around = querySet !== undefined && this.#plan.copiedBefore(i) > 0;
    if (around) encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex } }).end();
    const commands = new Commands(encoder, around ? undefined : timestampWrites);
    for (let n = 0; n < count; n++) this.#plan.encode(commands, undefined, i, i + 1);
    commands.endPass();
    if (around) encoder.beginComputePass({ timestampWrites: { querySet, endOfPassWriteIndex } }).end();
  }

  #save(encoder: GPUCommandEncoder, i: number): void {
    this.#copies(i, (memory, offset, scratch, at, bytes) => encoder.copyBufferToBuffer(memory, offset, scratch, at, bytes));
  }

  #restore(encoder: GPUCommandEncoder, i: number): void {
    if ((this.#carried[i] ?? []).length === 0) return;
    this.#copies(i, (memory, offset, scratch, at, bytes) => encoder.copyBufferToBuffer(scratch, at, memory, offset, bytes));
    this.#repeat(encoder, i, 1);
  }

  #copies(i: number, copy: (memory: GPUBuffer, offset: number, scratch: GPUBuffer, at: number, bytes: number) => void): void {
    const sum = (buffers: readonly Buffer[]) => buffers.reduce((total, b) => total + b.bytes, 0);
    this.#scratch ??= this.#device.memory.create(Math.max(4, ...this.#carried.map(sum)), "profile scratch");
    let at = 0;
    for (const buffer of this.#carried[i] ?? []) {
      const { gpu, offset } = buffer.memory;
      copy(gpu, offset, this.#scratch, at, buffer.bytes);
      at += buffer.bytes;
    }
  }

  async #stamped(count: number, encode: (encoder: GPUCommandEncoder, querySet: GPUQuerySet) => void): Promise<BigUint64Array> {
    const querySet = this.#gpu.createQuerySet({ type: "timestamp", count });
    const resolved = this.#gpu.createBuffer({ size: 8 * count, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const readable = this.#gpu.createBuffer({ size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    try {
      const encoder = this.#gpu.createCommandEncoder({ label: "profile" });
      encode(encoder, querySet);
      encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, readable, 0, 8 * count);
      this.#gpu.queue.submit([encoder.finish()]);
      await this.#device.wait(readable.mapAsync(GPUMapMode.READ));
      return new BigUint64Array(readable.getMappedRange().slice(0));
    } finally {
      for (const made of [querySet, resolved, readable]) made.destroy();
    }
  }
}

/** A pass of a device with `insidePasses`; the types of the standard do not know it. */
type StampingPass = GPUComputePassEncoder & { writeTimestamp(querySet: GPUQuerySet, index: number): void };

/** What each dispatch of a plan may update in place. */
export function carriedOf(plan: Plan): Buffer[][] {
  const used = new Set(plan.dispatches.flatMap((d) => d.buffers.map((b) => b.root.buffer)));
  const own = new Set(plan.ownBuffers);
  return carriedInto(plan.dispatches, plan.inputs, new Set([...used].filter((b) => !own.has(b))));
}

/** Where a submit that begins at `from` should end: at the size of a query set, or where it would take long. */
function chunkEnd(from: number, count: number, estimates: Float64Array | null): number {
  let to = from;
  for (let ms = 0; to < count && to - from < mostStamps / 2 && ms < submitMs; to++) ms += estimates?.[to] ?? 0;
  return to;
}

function roundOf(count: number, begin: (i: number) => bigint, end: (i: number) => bigint, quantumNs: number): Round {
  const between = (from: bigint, to: bigint) => Math.max(0, Number(to - from) / 1e6);
  const each = (of: (i: number) => number) => Float64Array.from({ length: count }, (_, i) => of(i));
  return { totals: each((i) => between(begin(i), end(i))), gaps: each((i) => (i === 0 ? 0 : between(end(i - 1), begin(i)))), quantumNs };
}

/** The step of performance.now(), in nanoseconds. */
function hostStepNs(): number {
  let least = Infinity;
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    let now = began;
    while (now === began) now = performance.now();
    least = Math.min(least, now - began);
  }
  return Math.round(least * 1e6);
}
