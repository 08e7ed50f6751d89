// A buffer is a labelled number of bytes. It is real (it has memory), virtual (a plan that is being recorded will give it
// memory), or a part: a range of another buffer, 256-byte aligned so that it can be bound by itself. It knows no dtype.

import { PlanError } from "@roentgen/core";

/** Offsets at which a range of a buffer may be bound: WebGPU's default `minStorageBufferOffsetAlignment`. */
export const partAlignment = 256;

export const alignTo = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;

type State =
  | { readonly kind: "real"; readonly memory: GPUBuffer }
  | { readonly kind: "slot"; readonly memory: GPUBuffer }
  | { readonly kind: "external" }
  | { readonly kind: "virtual" }
  | { readonly kind: "part"; readonly whole: Buffer; readonly offset: number }
  | { readonly kind: "released" };

export class Buffer {
  #state: State;

  constructor(
    readonly label: string,
    readonly bytes: number,
    memory?: GPUBuffer,
  ) {
    this.#state = memory ? { kind: "real", memory } : { kind: "virtual" };
  }

  /** A range of `whole`, for life. */
  static part(label: string, bytes: number, whole: Buffer, offset: number): Buffer {
    const part = new Buffer(label, bytes);
    part.#state = { kind: "part", whole, offset };
    return part;
  }

  /** Stands for memory of a device that has none: a model on the null device. */
  static external(label: string, bytes: number): Buffer {
    const buffer = new Buffer(label, bytes);
    buffer.#state = { kind: "external" };
    return buffer;
  }

  get isVirtual(): boolean {
    return this.root.buffer.#state.kind === "virtual";
  }

  /** The buffer that owns the memory, and where in it this one begins. */
  get root(): { buffer: Buffer; offset: number } {
    if (this.#state.kind !== "part") return { buffer: this, offset: 0 };
    const { buffer, offset } = this.#state.whole.root;
    return { buffer, offset: offset + this.#state.offset };
  }

  /** The memory behind it. Throws PlanError for a virtual buffer outside its plan, and for one that was given back. */
  get memory(): { gpu: GPUBuffer; offset: number } {
    const { buffer, offset } = this.root;
    if (buffer.#state.kind === "real" || buffer.#state.kind === "slot") return { gpu: buffer.#state.memory, offset };
    if (buffer.#state.kind === "external") throw new PlanError(`${this.label}: this device has no GPU, so the tensor has no value.`);
    if (buffer.#state.kind === "virtual") {
      throw new PlanError(`${this.label}: this tensor belongs to a recording, it has no value outside the plan's run. Return it from the recorded function to read it.`);
    }
    throw new PlanError(`${this.label}: this tensor's memory was given back when its scope ended. Return it from device.scope(...) to keep it.`);
  }

  /** Makes a virtual buffer a range of another: how gradients come to lie side by side without being copied. */
  becomePart(whole: Buffer, offset: number): void {
    if (this.#state.kind !== "virtual") throw new Error(`internal: ${this.label} is ${this.#state.kind}, only a virtual buffer can become a part.`);
    this.#state = { kind: "part", whole, offset };
  }

  /** Gives a virtual buffer its memory: the slot its plan chose. */
  adopt(memory: GPUBuffer): void {
    if (this.#state.kind !== "virtual") throw new Error(`internal: ${this.label} is ${this.#state.kind}, only a virtual buffer can adopt memory.`);
    this.#state = { kind: "slot", memory };
  }

  /** Ends its life and returns the memory that was its own, if any: a slot belongs to its plan. */
  release(): GPUBuffer | null {
    const memory = this.#state.kind === "real" ? this.#state.memory : null;
    this.#state = { kind: "released" };
    return memory;
  }
}

/** All buffers in a value: itself, an object's `buffer`, or those inside arrays, maps and plain objects. */
export function buffersIn(value: unknown, found = new Set<Buffer>()): Set<Buffer> {
  if (value instanceof Buffer) found.add(value);
  else if (Array.isArray(value) || value instanceof Set) for (const item of value) buffersIn(item, found);
  else if (value instanceof Map) for (const [key, item] of value) buffersIn(key, buffersIn(item, found));
  else if (value && typeof value === "object") {
    const owner = value as { buffer?: unknown };
    if (owner.buffer instanceof Buffer) found.add(owner.buffer);
    else if (Object.getPrototypeOf(value) === Object.prototype) for (const item of Object.values(value)) buffersIn(item, found);
  }
  return found;
}
