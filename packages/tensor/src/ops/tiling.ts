// The tiles that kernels with workgroup memory come in, and what they should cost: a matrix product (or a convolution seen as one) of
// m x n results, each a sum of k terms, is cut into tiles of results and, where these are too few to fill a GPU, into slices of the sum.
// A prediction is a time, in floating-point operations that the GPU could have done meanwhile. It knows three bounds: the arithmetic of the
// processor with the most tiles, the cache that feeds all of them, and the memory that slices of the sum take a detour through.

import { barriersAreCostly, type DeviceInfo, maxGroups } from "@roentgen/gpu";
import type { Hardware } from "../choice.ts";

/** One form of the tiled kernels; the shaders' overrides are its numbers. */
export interface Tile {
  readonly name: string;
  /** Results of a workgroup. */
  readonly m: number;
  readonly n: number;
  /** Terms of the sum in workgroup memory at a time. */
  readonly k: number;
  /** Results of a thread. */
  readonly rows: number;
  readonly columns: number;
  /** Halves of the workgroup memory: 2 is one barrier a step, 1 is two. */
  readonly stages: number;
}

const tile = (m: number, n: number, k: number, rows: number, columns: number, stages: number): Tile =>
  ({ name: `tiled ${m}x${n}x${k}${stages === 1 ? " single" : ""} of ${rows}x${columns}`, m, n, k, rows, columns, stages });

/** The tile that wastes least on small work. */
export const smallest: Tile = tile(32, 32, 16, 4, 4, 2);

/** All there are. Threads are a multiple of 32, 8 or more across and 4 or more down, and as many as blocks of 4 x 4 to load, or more. */
export const tiles: readonly Tile[] = [
  tile(128, 128, 16, 8, 8, 2),
  tile(128, 128, 16, 8, 8, 1),
  tile(128, 64, 8, 8, 8, 2),
  tile(64, 128, 8, 8, 8, 2),
  tile(64, 64, 8, 8, 8, 2),
  tile(64, 64, 16, 4, 4, 2),
  tile(64, 32, 8, 8, 4, 2),
  smallest,
];

export const threadsOf = ({ m, n, rows, columns }: Tile): number => (m / rows) * (n / columns);

/** Workgroup memory. */
export const sharedBytesOf = ({ m, n, k, stages }: Tile): number => 4 * stages * k * (m + n);

/** Registers of a thread, estimated: results, the operands of a term, the block being loaded, and some 28 for addresses and counters. */
export const registersOf = ({ rows, columns }: Tile): number => rows * columns + rows + columns + 16 + 28;

/** The overrides of a tiled shader. A software driver does not unroll the inner loop, or it would compile for seconds. */
export const overridesOf = (of: Tile, { software }: Pick<DeviceInfo, "software">) => ({
  WORKGROUP: threadsOf(of), TILE_M: of.m, TILE_N: of.n, TILE_K: of.k, ROWS: of.rows, COLUMNS: of.columns, STAGES: of.stages, UNROLL: software ? 0 : 1,
});

/** Whether a device has the workgroup memory and the threads. */
export function fits(of: Tile, limits: Hardware["limits"]): boolean {
  if (!limits) return true;
  return sharedBytesOf(of) <= limits.maxComputeWorkgroupStorageSize && threadsOf(of) <= Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
}

/** Sums of k terms for m x n results, `layers` times: matrices of a batch, phases of a stride. */
export interface Work {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly layers: number;
  /** Of a number as it is stored. */
  readonly bytes: number;
}

/** How a tile would do the work. */
export interface Cut {
  /** Of the sum. */
  readonly slices: number;
  /** Predicted time in floating-point operations. */
  readonly cost: number;
}

/** Processors by what adapters say of themselves; WebGPU does not tell. First match counts, newest and largest first. */
const processorsOf: readonly (readonly [RegExp, number])[] = [
  [/h200|h100|gh200|hopper/i, 132],
  [/b200|b100|blackwell-dc/i, 148],
  [/rtx 5090|rtx pro 6000/i, 170], [/rtx 5080/i, 84], [/rtx 50/i, 60], [/blackwell/i, 84],
  [/rtx 4090|l40|rtx 6000 ada/i, 128], [/rtx 4080/i, 76], [/rtx 4070|\bl4\b/i, 58], [/rtx 40|lovelace/i, 46],
  [/a100|a800/i, 108], [/rtx 3090|a6000|a40\b/i, 82], [/rtx 3080|a10\b/i, 70], [/rtx 30|ampere/i, 46],
  [/v100|titan v|volta/i, 80], [/\bt4\b|turing|rtx 20/i, 40],
  [/m[1-9] ultra/i, 64], [/m[1-9] max/i, 36], [/m[1-9] pro/i, 18], [/apple|metal/i, 10],
  [/mi300/i, 304], [/mi250/i, 208], [/7900|gfx1100/i, 96], [/9070|gfx1201/i, 64], [/rdna|gfx1/i, 40],
  [/nvidia/i, 46], [/amd/i, 32], [/intel/i, 32],
];

const counted = new WeakMap<DeviceInfo, number>();

/** Processors of a GPU, by name, or a guess. */
export function processors(info: DeviceInfo): number {
  let count = counted.get(info);
  if (count === undefined) {
    const text = [info.device, info.description, info.architecture, info.vendor].join(" ");
    count = processorsOf.find(([name]) => name.test(text))?.[1] ?? 32;
    counted.set(info, count);
  }
  return count;
}

/** Slices of a sum at most, and bytes that they may take. */
const mostSlices = 256;
const workspaceBytes = 2 ** 28;

/** Slices that one thread adds up; more are a multiple of it, and added up in two stages. */
export const sumAtOnce = 16;

/** What a processor holds at a time: registers, workgroup memory, warps of 32 threads. As NVIDIA's since Volta; others are alike. */
const registerFile = 65_536;
const sharedFile = 96 * 1024;
const warpFile = 48;

/** Warps that a processor needs at work to hide the latency of its arithmetic and of its workgroup memory. */
const enoughWarps = 8;

/**
 * Floating-point operations in the time of one byte: 67 TFLOP/s against 5.5 TB/s from the cache that all processors share, and 4.3 TB/s
 * from memory, as on an H200. Ratios of other GPUs lie within a factor of two of these.
 */
const perCacheByte = 12;
const perMemoryByte = 16;

/** The part of the cache's time that arithmetic does not hide. */
const unhidden = 0.25;

/** Floating-point operations in the time that a dispatch takes to start and to drain: a microsecond and a half of the whole GPU. */
const perDispatch = (processors: number): number => 0.75e6 * processors;

/** Floating-point operations in the time that a thread waits for one more slice to add: an eighth of a microsecond. */
const perSlice = (processors: number): number => 0.06e6 * processors;

/** Predicted time of so many small dispatches before or after a kernel: operands that are made to fit it. */
export const dispatchesCost = (count: number, info: DeviceInfo): number => count * perDispatch(processors(info));

/** Floating-point operations in the time that a thread waits for operands from the cache: a quarter of a microsecond. */
const perWait = (processors: number): number => 0.125e6 * processors;

/**
 * Predicted time of a plain kernel, whose threads read a few operands at a time, `waits` times, and multiply them. A processor fetches
 * ahead what a software driver reads in order; on a GPU a small product is nothing but waits.
 */
export function plainCost(device: Hardware, flops: number, waits: number): number {
  const arithmetic = 40 * flops;
  if (barriersAreCostly(device)) return arithmetic;
  const count = processors(device.info);
  return arithmetic + waits * perWait(count) + perDispatch(count);
}

/**
 * The fraction of peak that the inner loop reaches with enough work. A term costs (rows + columns) / 4 reads of workgroup memory for
 * rows x columns multiply-adds; a read of a vec4 by a warp takes two cycles of a unit that four schedulers share, a multiply-add one
 * cycle of each, so `reads` is the share of time that the unit is busy. It overlaps with arithmetic only in part, and so do addresses and barriers:
 * with these weights 8 x 8 gives 0.61 and 4 x 4 0.47, where published kernels without asynchronous copies lie (0.45 for
 * Vulkan, 0.6 to 0.7 for CUDA). They await a measurement: bench/NOTES.md.
 */
export function efficiencyOf({ rows, columns, stages, k }: Tile): number {
  const reads = (2 * (rows + columns)) / (rows * columns);
  const barriers = (stages === 1 ? 2 : 1) * (0.32 / k);
  return 0.9 / (1 + 0.9 * reads + barriers);
}

/** The number of slices that a tile does best with, and the time. */
export function cutOf(of: Tile, work: Work, info: DeviceInfo): Cut {
  const { m, n, k, layers } = work;
  if (layers > maxGroups) return { slices: 1, cost: Infinity };
  const most = Math.max(1, Math.min(mostSlices, Math.floor(maxGroups / layers), Math.floor(k / (8 * of.k)), Math.floor(workspaceBytes / (4 * m * n * layers))));
  const count = processors(info);
  let best: Cut = { slices: 1, cost: timeOf(of, work, 1, count) };
  for (let slices = 2; slices <= most; slices += slices < sumAtOnce ? 1 : sumAtOnce) {
    const cost = timeOf(of, work, slices, count);
    if (cost < best.cost) best = { slices, cost };
  }
  return best;
}

/** Workgroups of a tile that a processor holds at a time. */
export function residentOf(of: Tile): number {
  const threads = threadsOf(of);
  return Math.max(1, Math.floor(Math.min(registerFile / (registersOf(of) * threads), sharedFile / sharedBytesOf(of), (32 * warpFile) / threads)));
}

function timeOf(of: Tile, { m, n, k, layers, bytes }: Work, slices: number, count: number): number {
  const steps = Math.ceil(k / slices / of.k);
  const workgroups = Math.ceil(m / of.m) * Math.ceil(n / of.n) * layers * slices;
  // The processor with the most tiles works them off as fast as those it holds at a time keep it busy.
  const share = Math.ceil(workgroups / count);
  const busy = Math.min(1, (Math.min(share, residentOf(of)) * threadsOf(of)) / 32 / enoughWarps);
  // A workgroup fills its first tile before it can multiply, and stores its results after.
  const fillAndDrain = 2;
  const arithmetic = (share * count * 2 * of.m * of.n * (steps + fillAndDrain) * of.k) / (efficiencyOf(of) * busy);
  const cache = perCacheByte * workgroups * steps * of.k * (of.m + of.n) * bytes;
  // Operands and results pass through memory once, however often they come from the cache.
  const memory = perMemoryByte * layers * (bytes * (m * k + k * n) + (slices === 1 ? bytes : 0) * m * n);
  const chain = slices <= sumAtOnce ? slices : sumAtOnce + slices / sumAtOnce;
  const sums = slices <= sumAtOnce ? 1 : 2;
  const detour = slices === 1 ? 0 : perMemoryByte * layers * 4 * m * n * (2 * slices + 1) + chain * perSlice(count) + sums * perDispatch(count);
  return Math.max(arithmetic + unhidden * cache, cache, memory) + detour + perDispatch(count);
}

/**
 * Predicted time of the stem's kernel: workgroups of 128 threads that each sum `terms` for 128 pixels x 64 filters. It reads eight floats
 * and two vec4 of workgroup memory for 64 multiply-adds, and has two barriers for each filter row.
 */
export function stemCost(workgroups: number, terms: number, bytes: number, info: DeviceInfo): number {
  const count = processors(info);
  const share = Math.ceil(workgroups / count);
  const busy = Math.min(1, (Math.min(share, 4) * 4) / enoughWarps);
  const efficiency = 0.9 / (1 + 0.9 * 0.75 + 0.12);
  return Math.max((share * count * 2 * 128 * 64 * terms) / (efficiency * busy), perMemoryByte * bytes) + perDispatch(count);
}
