// What a dispatch moves, judged from what it binds: pure functions over buffers, tested without a GPU.

import type { Buffer } from "./buffer.ts";
import type { Dispatch } from "./dispatch.ts";

/** Bytes that a dispatch reads and writes. Where an op says them both are that; else what is bound gives two bounds. */
export interface Traffic {
  /** Every byte of every range bound, once, however many bindings see it: the least that a kernel moves which uses all it binds. */
  readonly bytes: number;
  /** The same, with what may be updated in place counted as read and as written. */
  readonly mostBytes: number;
}

/** @param carried  ranges bound for writing that held a value before: they may be updated in place */
export function trafficOf({ buffers, bytes: said }: Pick<Dispatch, "buffers" | "bytes">, carried: readonly Buffer[]): Traffic {
  if (said !== undefined) return { bytes: said, mostBytes: said };
  const bytes = distinctBytes(buffers);
  return { bytes, mostBytes: bytes + distinctBytes(carried) };
}

/** For each dispatch the buffers it binds for writing that held a value before it: persistent ones, and what an earlier dispatch or an input filled. */
export function carriedInto(dispatches: readonly Pick<Dispatch, "kernel" | "buffers">[], inputs: readonly Buffer[], persistent: ReadonlySet<Buffer>): Buffer[][] {
  const filled = new Set(inputs.map((buffer) => buffer.root.buffer));
  return dispatches.map(({ kernel, buffers }) => {
    const written = buffers.filter((_, i) => kernel.bindings[i]?.access === "read_write");
    const carried = written.filter((buffer) => filled.has(buffer.root.buffer) || persistent.has(buffer.root.buffer));
    for (const buffer of written) filled.add(buffer.root.buffer);
    return carried;
  });
}

/** Bytes of the union of ranges: what two bindings both see counts once. */
export function distinctBytes(buffers: readonly Buffer[]): number {
  const byRoot = new Map<Buffer, { from: number; to: number }[]>();
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
