import { ShapeError } from "@roentgen/core";
import type { Kernel, ParamValues } from "@roentgen/kernels";
import type { Buffer } from "./buffer.ts";
import type { Joiner } from "./join.ts";

/** Workgroups along x, y and z. */
export type Grid = readonly [number, number, number];

export const maxGroups = 65_535;

/** The grid of a flat kernel over `n` items: x, folded into y past the limit of 65,535 groups an axis. */
export function flatGrid(n: number, itemsPerGroup: number): Grid {
  const groups = Math.max(1, Math.ceil(n / itemsPerGroup));
  if (groups <= maxGroups) return [groups, 1, 1];
  const y = Math.ceil(groups / maxGroups);
  return [Math.ceil(groups / y), y, 1];
}

/** One launch of a kernel: all that a plan keeps. Buffers are in the order of the kernel's bindings. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly label: string;
  readonly buffers: readonly Buffer[];
  readonly params: ParamValues;
  readonly overrides: Readonly<Record<string, number>>;
  readonly grid: Grid;
  /** Floating-point operations, for the profiler; 0 where nobody counts them. */
  readonly flops: number;
  /** Bytes read and written, where the op knows better than the sizes of what is bound. */
  readonly bytes?: number | undefined;
  /** Bytes of what is bound for reading that it does not touch. */
  readonly unread?: number | undefined;
  /** Where it may wait for others to be done together with. */
  readonly joiner?: Joiner | undefined;
}

/** Throws ShapeError for a grid that no device takes: the op's work is too large for the way it is cut. */
export function checkGrid(label: string, grid: Grid): void {
  if (grid.some((n) => n < 1 || n > maxGroups || !Number.isInteger(n))) {
    throw new ShapeError(`${label}: a grid of ${grid.join(" x ")} workgroups; each axis takes 1 to ${maxGroups}. The tensor is empty, or too large for this op: use a smaller batch or input size.`);
  }
}

/** Bind group entries of a kernel's buffers; `images` are the views of those that it reads as images, in order. */
export function storageEntries(kernel: Kernel, buffers: readonly Buffer[], images: readonly GPUTextureView[]): GPUBindGroupEntry[] {
  let image = 0;
  return kernel.bindings.map((binding, i) => {
    const buffer = buffers[i];
    if (!buffer) throw new Error(`internal: ${kernel.name}: no buffer for ${binding.name}.`);
    if (binding.isImage) return { binding: binding.index, resource: images[image++] as GPUTextureView };
    const { gpu, offset } = buffer.memory;
    return { binding: binding.index, resource: { buffer: gpu, offset, size: buffer.bytes } };
  });
}
