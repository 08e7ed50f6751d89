// The passes that give a recording its memory: pure functions over numbers, so that they are tested without a GPU.
//
// 1. liveRanges: from which dispatch to which dispatch each virtual buffer holds a value;
// 2. assignSlots: largest buffer first, into the first slot whose tenants are all elsewhere in time.
//
// A slot is a whole GPUBuffer, never a range of one: one dispatch may not bind a buffer both as `read` and as `read_write`,
// even in disjoint ranges, and Dawn orders dispatches by whole buffers. Ranges are inclusive, so what a dispatch reads and
// what it writes are never in one slot.

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

/** Greedy colouring of the interference graph, largest buffer first; ties by index, so that a plan is the same every time. */
export function assignSlots(sizes: readonly number[], ranges: readonly Range[]): Slots {
  const order = sizes.map((_, i) => i).sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0) || a - b);
  const slots: { bytes: number; tenants: Range[] }[] = [];
  const of = new Array<number>(sizes.length).fill(-1);
  for (const buffer of order) {
    const range = ranges[buffer];
    if (!range || range.first > range.last) continue;
    let slot = slots.findIndex(({ tenants }) => tenants.every((t) => t.last < range.first || range.last < t.first));
    if (slot < 0) slot = slots.push({ bytes: sizes[buffer] ?? 0, tenants: [] }) - 1;
    slots[slot]?.tenants.push(range);
    of[buffer] = slot;
  }
  return { bytes: slots.map((s) => s.bytes), of };
}

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
