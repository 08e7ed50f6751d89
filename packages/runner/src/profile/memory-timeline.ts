// A plan's memory over its dispatches: how much holds a value that is still needed, and who lives in which slot.

import type { MemoryMap } from "@roentgen/gpu";

/** Bytes alive at each of `count` dispatches. */
export function liveBytes({ tenants }: Pick<MemoryMap, "tenants">, count: number): number[] {
  const change = new Float64Array(count + 1);
  for (const { bytes, first, last } of tenants) {
    const [from, to] = [Math.max(0, first), Math.min(count - 1, last)];
    if (from > to) continue;
    change[from] = (change[from] ?? 0) + bytes;
    change[to + 1] = (change[to + 1] ?? 0) - bytes;
  }
  let live = 0;
  return Array.from({ length: count }, (_, i) => (live += change[i] ?? 0));
}

/** A tenant as a rectangle: dispatches along x, bytes along y; slots lie on each other, the largest at the bottom. */
export interface MemoryBox {
  readonly label: string;
  readonly bytes: number;
  readonly slot: number;
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
}

export function memoryBoxes({ slots, tenants }: Pick<MemoryMap, "slots" | "tenants">, count: number): MemoryBox[] {
  const order = slots.map(({ bytes }, slot) => ({ bytes, slot })).sort((a, b) => b.bytes - a.bytes || a.slot - b.slot);
  const bottoms = new Map<number, number>();
  let bottom = 0;
  for (const { bytes, slot } of order) {
    bottoms.set(slot, bottom);
    bottom += bytes;
  }
  return tenants.map(({ label, bytes, slot, first, last }) => {
    const y1 = bottoms.get(slot) ?? 0;
    return { label, bytes, slot, x1: Math.max(0, first), x2: Math.min(count, last + 1), y1, y2: y1 + bytes };
  });
}
