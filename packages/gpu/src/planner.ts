// The passes that give a recording its memory: pure functions over numbers, so that they are tested without a GPU.
//
// 1. liveRanges: from which dispatch to which dispatch each virtual buffer holds a value;
// 2. assignSlots: largest buffer first, into a slot whose tenants are all elsewhere in time, and not where two neighbours that could
//    run side by side (the gradients by a convolution's image and filter, say) would be told apart only by their slots.
//
// A slot is a whole GPUBuffer, never a range of one: one dispatch may not bind a buffer both as `read` and as `read_write`,
// even in disjoint ranges, and WebGPU's implementations order dispatches by whole buffers. Ranges are inclusive, so what a dispatch
// reads and what it writes are never in one slot. (Dawn on Vulkan, as of 2026, makes a dispatch wait wherever it writes a buffer
// that was ever used, and each does: there the choice changes nothing yet.)

export interface Range {
  readonly first: number;
  readonly last: number;
}

/** What a dispatch touches, by index of buffer. */
export interface Access {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

/**
 * The live range of each of `count` buffers. Inputs are alive from before the first dispatch, outputs until after the last;
 * a buffer that no dispatch touches gets an empty range (first > last).
 */
export function liveRanges(count: number, accesses: readonly Access[], inputs: ReadonlySet<number>, outputs: ReadonlySet<number>): Range[] {
  const first = new Array<number>(count).fill(Infinity);
  const last = new Array<number>(count).fill(-Infinity);
  const touch = (buffer: number, at: number) => {
    first[buffer] = Math.min(first[buffer] ?? at, at);
    last[buffer] = Math.max(last[buffer] ?? at, at);
  };
  for (const [at, { reads, writes }] of accesses.entries()) for (const buffer of [...reads, ...writes]) touch(buffer, at);
  for (const buffer of inputs) touch(buffer, -1);
  for (const buffer of outputs) touch(buffer, accesses.length);
  return first.map((from, i) => ({ first: from, last: last[i] ?? -Infinity }));
}

/** Buffers that are read before anything was written to them: a mistake of the recorded function. */
export function readBeforeWritten(accesses: readonly Access[], inputs: ReadonlySet<number>): { buffer: number; at: number }[] {
  const written = new Set(inputs);
  const found: { buffer: number; at: number }[] = [];
  for (const [at, { reads, writes }] of accesses.entries()) {
    for (const buffer of reads) if (!written.has(buffer)) found.push({ buffer, at });
    for (const buffer of writes) written.add(buffer);
  }
  return found;
}

export interface Slots {
  /** Bytes of each slot. */
  readonly bytes: readonly number[];
  /** The slot of each buffer, -1 where its range is empty. */
  readonly of: readonly number[];
}

/** Of each dispatch but the last, whether the next could run beside it: neither writes what the other touches. */
export function independentOfNext(accesses: readonly Access[]): boolean[] {
  return accesses.slice(0, -1).map((one, i) => {
    const next = accesses[i + 1] as Access;
    const touched = new Set([...next.reads, ...next.writes]);
    return !one.writes.some((b) => touched.has(b)) && !one.reads.some((b) => next.writes.includes(b));
  });
}

/**
 * Greedy colouring of the interference graph, largest buffer first; ties by index, so that a plan is the same every time. Of the slots
 * that are free, the first where no neighbours that could run side by side would meet, else the first.
 *
 * @param independent  of each dispatch, whether it and the next could run side by side (`independentOfNext`)
 */
export function assignSlots(sizes: readonly number[], ranges: readonly Range[], independent: readonly boolean[] = []): Slots {
  const order = sizes.map((_, i) => i).sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0) || a - b);
  const slots: { bytes: number; tenants: Range[] }[] = [];
  const of = new Array<number>(sizes.length).fill(-1);
  for (const buffer of order) {
    const range = ranges[buffer];
    if (!range || range.first > range.last) continue;
    const free = slots.filter(({ tenants }) => tenants.every((t) => t.last < range.first || range.last < t.first));
    let slot = free.find(({ tenants }) => !tenants.some((t) => meet(t, range, independent) || meet(range, t, independent))) ?? free[0];
    if (!slot) slots.push((slot = { bytes: sizes[buffer] ?? 0, tenants: [] }));
    slot.tenants.push(range);
    of[buffer] = slots.indexOf(slot);
  }
  return { bytes: slots.map((s) => s.bytes), of };
}

/** Whether one tenant moves out at a dispatch and another in at the next, which could otherwise run beside it. */
const meet = (out: Range, moving: Range, independent: readonly boolean[]): boolean => out.last + 1 === moving.first && independent[out.last] === true;

/** The most bytes alive at once: no assignment can need less. */
export function peakLive(sizes: readonly number[], ranges: readonly Range[], length: number): number {
  const change = new Map<number, number>();
  const add = (at: number, bytes: number) => change.set(at, (change.get(at) ?? 0) + bytes);
  for (const [i, { first, last }] of ranges.entries()) {
    if (first > last) continue;
    add(first, sizes[i] ?? 0);
    add(last + 1, -(sizes[i] ?? 0));
  }
  let live = 0;
  let peak = 0;
  for (let at = -1; at <= length + 1; at++) peak = Math.max(peak, (live += change.get(at) ?? 0));
  return peak;
}
