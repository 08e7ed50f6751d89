import type { Buffer } from "./buffer.ts";
import type { Dispatch } from "./dispatch.ts";

/**
 * Buffers that may become parts of one whole: virtual, written by the recording itself (not an input), no part already, given
 * once, and never read by a dispatch that writes another of them, since one buffer cannot be bound both ways.
 */
export function movableInto(buffers: readonly Buffer[], dispatches: readonly Dispatch[]): Set<Buffer> {
  const candidates = new Set(buffers.filter((b, i) => b.isVirtual && b.root.buffer === b && buffers.indexOf(b) === i && buffers.lastIndexOf(b) === i));
  const written = new Set<Buffer>();
  const tied = new Set<Buffer>();
  for (const { kernel, buffers: bound } of dispatches) {
    const among = bound.map((buffer, i) => ({ buffer, writes: kernel.bindings[i]?.access === "read_write" })).filter(({ buffer }) => candidates.has(buffer));
    for (const { buffer, writes } of among) {
      if (writes) written.add(buffer);
      else if (among.some((other) => other.writes)) tied.add(buffer);
    }
  }
  return new Set([...candidates].filter((b) => written.has(b) && !tied.has(b)));
}
