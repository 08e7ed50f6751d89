// A plan's memory over its dispatches: how much holds a value that is still needed, and who lives in which slot.

import { type MemoryMap, readableBytes } from "@roentgen/gpu";
import type { ProfileReport } from "./profile-report.ts";

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

/** Where a plan's bytes are. */
export interface MemorySums {
  readonly slots: number;
  /** Textures that kernels read as images, and parameters of dispatches: what is the plan's and lies in no slot. */
  readonly beside: number;
  /** Weights, optimiser state and whatever else outlives the plan. */
  readonly persistent: number;
}

export function memorySums({ bytes, slots, persistent }: Pick<ProfileReport["memory"], "bytes" | "slots" | "persistent">): MemorySums {
  const sum = (list: readonly { readonly bytes: number }[]) => list.reduce((total, item) => total + item.bytes, 0);
  return { slots: sum(slots), beside: Math.max(0, bytes - sum(slots)), persistent: sum(persistent) };
}

/** Memory in a sentence: the peak, what holds it, and the largest that live there. */
export function memoryText({ memory }: Pick<ProfileReport, "memory">): string {
  const { slots, beside, persistent } = memorySums(memory);
  const largest = [...memory.tenants].sort((a, b) => b.bytes - a.bytes).slice(0, 3).map(({ label, bytes }) => `${label} ${readableBytes(bytes)}`);
  return [
    `${readableBytes(memory.peakLiveBytes)} live at the peak, ${memory.slots.length} slots of ${readableBytes(slots)}, textures and uniforms ${readableBytes(beside)}, weights and other state ${readableBytes(persistent)}: ${readableBytes(slots + beside + persistent)} in all`,
    ...(largest.length > 0 ? [`largest: ${largest.join(", ")}`] : []),
  ].join("; ");
}

/** A slot as a row of the picture, in pixels from its top. */
export interface MemoryRow {
  readonly slot: number;
  readonly bytes: number;
  readonly y: number;
  readonly height: number;
  /** Tall enough for words. */
  readonly named: boolean;
}

/** So many of the largest slots are tall enough for words. */
const mostNamed = 24;
/** A named row's height, and what the largest has more. */
const wordsHeight = 15;
const largestMore = 30;
/** The rest lie close together: this high each, less where they are many. */
const thinHeight = 4;
const mostThin = 260;

/**
 * Slots as rows, the largest first. One slot often holds nine tenths of all (the gradients), so heights are not in proportion: those
 * of the largest grow with the square root of their bytes above a line of text, all others are of one height.
 */
export function memoryRows(slots: MemoryMap["slots"]): MemoryRow[] {
  const order = slots.map(({ bytes }, slot) => ({ bytes, slot })).sort((a, b) => b.bytes - a.bytes || a.slot - b.slot);
  const most = order[0]?.bytes ?? 0;
  const thin = Math.min(thinHeight, mostThin / Math.max(1, order.length - mostNamed));
  let y = 0;
  return order.map(({ bytes, slot }, i) => {
    const named = i < mostNamed;
    const row = { slot, bytes, y, named, height: named ? wordsHeight + largestMore * Math.sqrt(bytes / Math.max(1, most)) : thin };
    y += row.height;
    return row;
  });
}

/** A tenant in its slot's row: dispatches along x, pixels along y. */
export interface MemoryBox {
  readonly label: string;
  readonly bytes: number;
  readonly slot: number;
  readonly x1: number;
  readonly x2: number;
  readonly y1: number;
  readonly y2: number;
  /** The top of the part of the row that it fills, in proportion to its bytes. */
  readonly filledFrom: number;
  readonly named: boolean;
}

export function memoryBoxes({ tenants }: Pick<MemoryMap, "tenants">, rows: readonly MemoryRow[], count: number): MemoryBox[] {
  const rowOf = new Map(rows.map((row) => [row.slot, row]));
  return tenants.flatMap(({ label, bytes, slot, first, last }) => {
    const row = rowOf.get(slot);
    if (!row) return [];
    const y2 = row.y + row.height;
    return [{ label, bytes, slot, x1: Math.max(0, first), x2: Math.min(count, last + 1), y1: row.y, y2, filledFrom: y2 - row.height * (row.bytes > 0 ? bytes / row.bytes : 0), named: row.named }];
  });
}
