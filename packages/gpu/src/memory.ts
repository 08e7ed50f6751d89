import { OutOfMemoryError } from "@roentgen/core";
import { readableBytes } from "./failure.ts";
import { type ImageSize, texel, textureBytes, textureSize } from "./images.ts";

/** The device's memory: what is held, what is idle and may be used again, and how much is allowed. Knows whole GPUBuffers and textures only. */
export class Memory {
  readonly #gpu: GPUDevice;
  readonly #budgetBytes: number;
  readonly #flush: () => void;
  readonly #idle = new Map<number, GPUBuffer[]>();
  #heldBytes = 0;

  /** @param flush  submits pending work, before memory that it may use is destroyed */
  constructor(gpu: GPUDevice, budgetBytes: number, flush: () => void) {
    this.#gpu = gpu;
    this.#budgetBytes = budgetBytes;
    this.#flush = flush;
  }

  /** Bytes of all memory: in use, and idle in the pool. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes that may still be asked for: the budget less what is in use. Infinite without a budget. */
  get freeBytes(): number {
    let idle = 0;
    for (const [bytes, list] of this.#idle) idle += bytes * list.length;
    return this.#budgetBytes - this.#heldBytes + idle;
  }

  /** Memory of exactly this size, used before or new; its contents are undefined. Throws OutOfMemoryError past a limit. */
  take(bytes: number, label: string): GPUBuffer {
    return this.#idle.get(bytes)?.pop() ?? this.create(bytes, label);
  }

  /** Back into the pool. */
  giveBack(memory: GPUBuffer): void {
    const idle = this.#idle.get(memory.size);
    if (idle) idle.push(memory);
    else this.#idle.set(memory.size, [memory]);
  }

  /** New memory that `destroy` will end. Throws OutOfMemoryError past a limit. */
  create(bytes: number, label: string): GPUBuffer {
    const most = this.#gpu.limits.maxBufferSize;
    if (bytes > most) throw new OutOfMemoryError(`${label}: ${readableBytes(bytes)} in one buffer, but this device allows ${readableBytes(most)}. Use a smaller batch or input size.`);
    this.require(bytes, label, "Use a smaller batch or input size, or a larger budget.");
    const memory = this.#gpu.createBuffer({ label, size: bytes, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
    this.#heldBytes += bytes;
    return memory;
  }

  destroy(memory: GPUBuffer): void {
    this.#heldBytes -= memory.size;
    memory.destroy();
  }

  /** A new texture that buffers are copied into as images of this size, or lower. Throws OutOfMemoryError past the budget. */
  createImage(image: ImageSize, label: string): GPUTexture {
    const size = textureSize(image);
    this.require(textureBytes(size), label, "Use a smaller batch or input size, or a larger budget.");
    const texture = this.#gpu.createTexture({ label, size: [size.width, size.height], format: texel, usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST });
    this.#heldBytes += textureBytes(size);
    return texture;
  }

  destroyImage(texture: GPUTexture): void {
    this.#heldBytes -= textureBytes(texture);
    texture.destroy();
  }

  /** Throws OutOfMemoryError if `bytes` more would pass the budget even with the pool emptied. */
  require(bytes: number, what: string, advice: string): void {
    if (this.#heldBytes + bytes > this.#budgetBytes) this.trim();
    if (this.#heldBytes + bytes <= this.#budgetBytes) return;
    throw new OutOfMemoryError(`${what} needs ${readableBytes(bytes)} on top of ${readableBytes(this.#heldBytes)} in use; the budget is ${readableBytes(this.#budgetBytes)}. ${advice}`);
  }

  /** Returns idle memory to the driver. */
  trim(): void {
    this.#flush();
    for (const idle of this.#idle.values()) for (const memory of idle) this.destroy(memory);
    this.#idle.clear();
  }
}
