// What a dispatch moves, judged from what it binds: pure functions over buffers, tested without a GPU.

import type { Buffer } from "./buffer.ts";
import type { Dispatch } from "./dispatch.ts";

/** Bytes that a dispatch reads and writes. Where an op says them both are that; else what is bound gives two bounds. */
export interface Traffic {
  /** Every byte of every range bound but for what the op says is not read, once, however many bindings see it: the least that the kernel moves. */
  readonly bytes: number;
  /** The same, with what may be updated in place counted as read and as written. */
  readonly mostBytes: number;
}

/** @param carried  ranges bound for writing that held a value before: they may be updated in place */
export function trafficOf({ buffers, bytes: said, unread = 0 }: Pick<Dispatch, "buffers" | "bytes" | "unread">, carried: readonly Buffer[]): Traffic {
  if (said !== undefined) return { bytes: said, mostBytes: said };
  const bytes = distinctBytes(buffers) - unread;
  return { bytes, mostBytes: bytes + distinctBytes(carried) };
}

/** For each dispatch the buffers it binds for writing that held a value before it: persistent ones, and what an earlier dispatch or an input filled. */
export function carriedInto(dispatches: readonly Pick<Dispatch, "kernel" | "buffers">[], inputs: readonly Buffer[], persistent: ReadonlySet<Buffer>): Buffer[][] {
  // By root, the ranges that hold something: gradients of many filters lie in one, and the first fills its own part alone.
  const filled = new Map<Buffer, Range[]>();
  const rangeOf = ({ root: { offset }, bytes }: Buffer): Range => ({ from: offset, to: offset + bytes });
  const fill = (buffer: Buffer) => {
    const ranges = filled.get(buffer.root.buffer);
    if (!ranges) filled.set(buffer.root.buffer, [rangeOf(buffer)]);
    else if (!isWithin(ranges, rangeOf(buffer))) ranges.push(rangeOf(buffer));
  };
  for (const input of inputs) fill(input);
  return dispatches.map(({ kernel, buffers }) => {
    const written = buffers.filter((_, i) => kernel.bindings[i]?.access === "read_write");
    const carried = written.filter((buffer) => persistent.has(buffer.root.buffer) || overlaps(filled.get(buffer.root.buffer) ?? [], rangeOf(buffer)));
    for (const buffer of written) fill(buffer);
    return carried;
  });
}

interface Range {
  readonly from: number;
  readonly to: number;
}

const isWithin = (ranges: readonly Range[], { from, to }: Range): boolean => ranges.some((range) => range.from <= from && to <= range.to);
const overlaps = (ranges: readonly Range[], { from, to }: Range): boolean => ranges.some((range) => range.from < to && from < range.to);

/** Bytes of the union of ranges: what two bindings both see counts once. */
export function distinctBytes(buffers: readonly Buffer[]): number {
  const byRoot = new Map<Buffer, Range[]>();
  for (const buffer of buffers) {
    const { buffer: root, offset } = buffer.root;
    const range = { from: offset, to: offset + buffer.bytes };
    const ranges = byRoot.get(root);
    if (ranges) ranges.push(range);
    else byRoot.set(root, [range]);
  }
  let bytes = 0;
  for (const ranges of byRoot.values()) {
    let end = 0;
    for (const { from, to } of ranges.sort((a, b) => a.from - b.from)) {
      bytes += Math.max(0, to - Math.max(from, end));
      end = Math.max(end, to);
    }
  }
  return bytes;
}
