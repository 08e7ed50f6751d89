// GPUs whose subgroups multiply small matrices, f16 in and f32 out: which of their sizes there are kernels for, and the tiles that the
// kernels come in. See shaders/matmul.matrix.wgsl.

import type { DeviceInfo } from "@roentgen/gpu";
import {
  conv2dMatrix, conv2dMatrixEight, conv2dMatrixEmulated, conv2dMatrixShort, matmulMatrix, matmulMatrixEight, matmulMatrixEmulated, matmulMatrixShort,
} from "@roentgen/kernels";
import type { Hardware } from "../choice.ts";
import type { Tile } from "./tiling.ts";

/** Matrices of m x k by k x n. */
export interface MatrixUnit {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly product: typeof matmulMatrix;
  readonly convolution: typeof conv2dMatrix;
  /** Overrides of the emulation alone. */
  readonly overrides: Readonly<Record<never, number>>;
}

const unit = (m: number, n: number, k: number, product: typeof matmulMatrix, convolution: typeof conv2dMatrix, overrides = {}): MatrixUnit =>
  ({ m, n, k, product, convolution, overrides });

/** The sizes there are kernels for, the largest first: it asks least of workgroup memory. */
const units: readonly MatrixUnit[] = [
  unit(16, 16, 16, matmulMatrix, conv2dMatrix), // NVIDIA, AMD
  unit(8, 16, 16, matmulMatrixShort, conv2dMatrixShort), // Intel
  unit(8, 8, 8, matmulMatrixEight, conv2dMatrixEight), // Apple
];

/** The same order of work in plain arithmetic, by subgroups of 32 lanes: for tests, on any device with shader-f16. */
export const emulated = (m: number, n: number, k: number): MatrixUnit => unit(m, n, k, matmulMatrixEmulated, conv2dMatrixEmulated, { UNIT_M: m, UNIT_N: n, UNIT_K: k });

/** What computes on a device; null where it has no such matrices, or none of a size there are kernels for. */
export function unitOf({ features, matrixSizes }: DeviceInfo): MatrixUnit | null {
  if (!["chromium-experimental-subgroup-matrix", "shader-f16", "subgroups"].every((name) => features.includes(name))) return null;
  return units.find(({ m, n, k }) => matrixSizes?.some(([a, b, c]) => a === m && b === n && c === k)) ?? null;
}

/** Results of a subgroup, terms in workgroup memory at a time, and elements added to a row there: the shaders' constants. */
const [subgroupRows, subgroupColumns, depth, padding] = [64, 32, 32, 8];

/** A tile as `cutOf` judges them: one that a subgroup of 32 lanes shares as threads would that have 8 x 8 results each. */
const tile = (m: number, n: number): Tile => ({ name: `matrix ${m}x${n}x${depth}`, m, n, k: depth, rows: 8, columns: 8, stages: 1 });

export const matrixTiles: readonly Tile[] = [tile(128, 128), tile(64, 64)];

/** Subgroups of a workgroup. */
export const subgroupsOf = ({ m, n }: Tile): number => (m / subgroupRows) * (n / subgroupColumns);

/** Workgroup memory in bytes: both tiles, a matrix of results of each subgroup, and where pixels lie. */
export function matrixBytesOf(of: Tile, { m, n }: Pick<MatrixUnit, "m" | "n">): number {
  return 2 * (of.m + of.n) * (depth + padding) + 4 * subgroupsOf(of) * m * n + 16 * Math.max(of.m, 2 * depth);
}

/** Whether a device has the workgroup memory and the threads. */
export function matrixFits(of: Tile, unit: MatrixUnit, { info, limits }: Hardware): boolean {
  const threads = subgroupsOf(of) * lanesOf(info);
  if (!limits) return true;
  return matrixBytesOf(of, unit) <= limits.maxComputeWorkgroupStorageSize && threads <= Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
}

/** Lanes that a workgroup has for each of its subgroups: WebGPU asks for the most that there may be, and fewer would leave tiles undone. */
const lanesOf = ({ subgroupMaxSize = 0 }: DeviceInfo): number => Math.max(32, subgroupMaxSize);

export const matrixOverrides = (of: Tile, { overrides }: MatrixUnit, info: DeviceInfo) =>
  ({ WORKGROUP: subgroupsOf(of) * lanesOf(info), TILE_M: of.m, TILE_N: of.n, ...overrides });

/**
 * What a matrix tile takes of the time of a thread's tile of its size. Matrix units are 4 times (Apple, Intel) to 16 times (NVIDIA) as fast
 * as the rest; how much of that remains when they are fed from workgroup memory is to be measured.
 */
export const matrixShare = 0.5;
