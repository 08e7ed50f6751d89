import { type ArrayOf, elementBytes, format, fromHalf, type HostTensor, makeArray, type Shape, ShapeError, sizeOf, toHalf } from "@roentgen/core";
import type { Buffer, Device } from "@roentgen/gpu";
import type { Node } from "./tape.ts";

/**
 * Element types a device tensor may have. `u8` packs four elements into a 32-bit word, `f16` two; on the host f16 are raw 16-bit
 * words (toHalf and fromHalf of core).
 */
export type TensorDType = "f32" | "f16" | "u32" | "i32" | "u8";

/** How real numbers are stored. All arithmetic and all sums are f32. */
export type FloatDType = Extract<TensorDType, "f32" | "f16">;

/**
 * A buffer with a shape and a dtype: row-major, contiguous; images are NHWC. No op changes a tensor; only optimisers, running
 * statistics and random state write to persistent ones.
 */
export class Tensor {
  /** The op that made it, if gradients may flow through it. */
  node: Node | null = null;
  /** Whether `backward` collects a gradient for it. */
  trainable = false;
  readonly size: number;

  constructor(
    readonly device: Device,
    readonly buffer: Buffer,
    readonly shape: Shape,
    readonly dtype: TensorDType = "f32",
  ) {
    this.size = sizeOf(shape);
    if (buffer.bytes < this.size * elementBytes[dtype]) throw new Error(`internal: ${buffer.label} has ${buffer.bytes} bytes, ${this} needs more.`);
  }

  /** As errors print it: `f32[16,224,224,3]`. */
  toString(): string {
    return format(this.dtype, this.shape);
  }

  /** Size of an axis; negative axes count from the end. */
  dim(axis: number): number {
    const size = this.shape.at(axis);
    if (size === undefined) throw new ShapeError(`axis ${axis} does not exist in ${this}.`);
    return size;
  }

  /** The values, after all work dispatched so far. */
  async read(): Promise<HostTensor> {
    const bytes = await this.device.read(this.buffer);
    return { dtype: this.dtype, shape: this.shape, data: makeArray(this.dtype, this.size, bytes, 0) };
  }

  /** The one value of a tensor with one element. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new ShapeError(`item: expected one element, got ${this}. Use read().`);
    return Number((this.dtype === "f16" ? await this.floats() : (await this.read()).data)[0]);
  }

  /** The values of an f32 or f16 tensor as f32. Throws ShapeError for another dtype. */
  async floats(): Promise<Float32Array> {
    if (this.dtype !== "f32" && this.dtype !== "f16") throw new ShapeError(`floats: expected f32 or f16, got ${this}. Use read().`);
    const { data } = await this.read();
    return this.dtype === "f16" ? fromHalf(data as Uint16Array) : (data as Float32Array);
  }

  /** Overwrites the values: parameters and state only. */
  write(data: ArrayOf[TensorDType]): void {
    if (data.length !== this.size) throw new ShapeError(`write: ${this} has ${this.size} elements, got ${data.length}.`);
    this.device.write(this.buffer, data);
  }

  /** Gives the memory back now instead of at the end of its scope. */
  dispose(): void {
    this.device.dispose(this.buffer);
  }
}

/** An uninitialised tensor. */
export function empty(device: Device, shape: Shape, { dtype = "f32", label = "" }: { dtype?: TensorDType; label?: string } = {}): Tensor {
  return new Tensor(device, device.alloc(sizeOf(shape) * elementBytes[dtype], label || format(dtype, shape)), shape, dtype);
}

/** An uninitialised tensor like another. */
export const emptyLike = (x: Tensor): Tensor => empty(x.device, x.shape, { dtype: x.dtype });

/** A tensor with these values; numbers are rounded to the dtype. Inside a recorded function it is a constant of the plan. */
export function tensor(device: Device, data: readonly number[] | ArrayOf[TensorDType], shape: Shape = [data.length], dtype: TensorDType = "f32"): Tensor {
  const host = Array.isArray(data) ? hostArray(dtype, data as number[]) : (data as ArrayOf[TensorDType]);
  if (host.length !== sizeOf(shape)) throw new ShapeError(`tensor: ${format(dtype, shape)} has ${sizeOf(shape)} elements, the data have ${host.length}.`);
  return new Tensor(device, device.upload(host, format(dtype, shape)), shape, dtype);
}

function hostArray(dtype: TensorDType, data: readonly number[]): ArrayOf[TensorDType] {
  if (dtype === "f16") return toHalf(data);
  const host = makeArray(dtype, data.length);
  (host as Float32Array).set(data);
  return host;
}

/** A tensor outside every scope that ops like optimisers may write to. Its contents are undefined until written. */
export function persistent(device: Device, shape: Shape, label: string, dtype: TensorDType = "f32"): Tensor {
  return new Tensor(device, device.allocPersistent(sizeOf(shape) * elementBytes[dtype], label), shape, dtype);
}
