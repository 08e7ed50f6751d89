// Which buffer lives in which slot of a plan, from which dispatch to which: plain data for a picture of memory over time.

import type { Buffer } from "./buffer.ts";
import type { Range, Slots } from "./planner.ts";

/** A buffer and where it lives. */
export interface Tenant {
  readonly label: string;
  readonly bytes: number;
  readonly slot: number;
  /** First and last dispatch that touch it, inclusive; -1 is before the first (an input), the count of dispatches after the last (an output). */
  readonly first: number;
  readonly last: number;
}

export interface MemoryMap {
  readonly slots: readonly { readonly bytes: number }[];
  /** By slot, then by time. */
  readonly tenants: readonly Tenant[];
  /** What the plan uses and does not own: parameters, optimiser and random state. */
  readonly persistent: readonly { readonly label: string; readonly bytes: number }[];
}

/** @param own  the plan's buffers that own memory; `used` is everything its dispatches bind */
export function memoryMap(own: readonly Buffer[], used: readonly Buffer[], ranges: readonly Range[], { bytes, of }: Pick<Slots, "bytes" | "of">): MemoryMap {
  const tenants = own.flatMap(({ label, bytes }, i): Tenant[] => {
    const [slot = -1, range] = [of[i], ranges[i]];
    return slot >= 0 && range ? [{ label, bytes, slot, first: range.first, last: range.last }] : [];
  });
  const others = new Set(used.map((buffer) => buffer.root.buffer));
  for (const buffer of own) others.delete(buffer);
  return {
    slots: bytes.map((bytes) => ({ bytes })),
    tenants: tenants.sort((a, b) => a.slot - b.slot || a.first - b.first),
    persistent: [...others].map(({ label, bytes }) => ({ label, bytes })),
  };
}
