// From a recording to its layout: which dispatches, in which order, and which slot each buffer lives in. The passes themselves are pure
// functions over numbers (planner.ts) and over lists (join.ts).

import { type Buffer, buffersIn } from "./buffer.ts";
import type { Recording } from "./device.ts";
import type { Dispatch } from "./dispatch.ts";
import { joinWaiting } from "./join.ts";
import { type Access, assignSlots, independentOfNext, liveRanges, peakLive, type Range, readBeforeWritten, type Slots } from "./planner.ts";

export interface Layout {
  readonly dispatches: readonly Dispatch[];
  readonly roots: readonly Buffer[];
  readonly ranges: readonly Range[];
  readonly slots: Slots;
  readonly slotBytes: number;
  readonly peak: number;
}

/** What dispatches keep while they wait to be joined may cost this much memory, as a factor: small batches pay it, large ones a hundredth. */
const joiningCost = 1.1;

/** Joins what may wait, in groups as large as memory allows. */
export function bestLayout(recording: Recording<unknown>): Layout {
  const plain = layOut(recording, recording.dispatches);
  if (!recording.dispatches.some((d) => d.joiner)) return plain;
  for (const share of [1, 1 / 16, 1 / 32, 1 / 64, 1 / 128]) {
    const joined = layOut(recording, joinWaiting(recording.dispatches, share * plain.slotBytes));
    if (joined.slotBytes <= joiningCost * plain.slotBytes) return joined;
  }
  return plain;
}

function layOut({ label, inputs, result }: Recording<unknown>, dispatches: readonly Dispatch[]): Layout {
  const index = new Map<Buffer, number>();
  const indexOf = (buffer: Buffer): number => {
    const root = buffer.root.buffer;
    let i = index.get(root);
    if (i === undefined) index.set(root, (i = index.size));
    return i;
  };
  const accesses = dispatches.map((d) => accessOf(d, indexOf));
  const inputSet = new Set(inputs.map(indexOf));
  const outputSet = new Set([...buffersIn(result)].filter((b) => b.isVirtual).map(indexOf));
  const roots = [...index.keys()];
  const stray = readBeforeWritten(accesses, inputSet)[0];
  if (stray) throw new Error(`internal: plan "${label}": ${dispatches[stray.at]?.label} reads ${roots[stray.buffer]?.label}, which nothing has written.`);
  const ranges = liveRanges(roots.length, accesses, inputSet, outputSet);
  const sizes = roots.map((b) => b.bytes);
  const slots = assignSlots(sizes, ranges, independentOfNext(accesses));
  return { dispatches, roots, ranges, slots, slotBytes: slots.bytes.reduce((a, b) => a + b, 0), peak: peakLive(sizes, ranges, dispatches.length) };
}

/** What a dispatch reads and writes among the plan's own buffers; one bound both ways at once is a defect of the op. */
function accessOf({ kernel, label, buffers }: Dispatch, indexOf: (buffer: Buffer) => number): Access {
  const reads: number[] = [];
  const writes: number[] = [];
  const memory = { read: new Set<Buffer>(), read_write: new Set<Buffer>() };
  for (const [i, binding] of kernel.bindings.entries()) {
    const buffer = buffers[i];
    if (!buffer) throw new Error(`internal: ${label}: no buffer for ${binding.name}.`);
    memory[binding.access].add(buffer.root.buffer);
    if (buffer.isVirtual) (binding.access === "read" ? reads : writes).push(indexOf(buffer));
  }
  for (const buffer of memory.read) if (memory.read_write.has(buffer)) throw new Error(`internal: ${label} reads and writes ${buffer.label} in one dispatch.`);
  return { reads, writes };
}
