import type { ImageCopy } from "./images.ts";

/** Commands on their way to the queue: dispatches share one pass, which only copies between them interrupt. */
export class Commands {
  #pass: GPUComputePassEncoder | null = null;

  /** @param timestampWrites  of the one pass that there will be */
  constructor(
    readonly encoder: GPUCommandEncoder,
    readonly timestampWrites?: GPUComputePassTimestampWrites,
  ) {}

  /** The pass for the next dispatch. */
  get pass(): GPUComputePassEncoder {
    return (this.#pass ??= this.encoder.beginComputePass(this.timestampWrites && { timestampWrites: this.timestampWrites }));
  }

  /** Copies before the next dispatch. */
  copy(copies: readonly ImageCopy[]): void {
    if (copies.length === 0) return;
    this.endPass();
    for (const { source, destination, size } of copies) this.encoder.copyBufferToTexture(source, destination, size);
  }

  endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }

  finish(): GPUCommandBuffer {
    this.endPass();
    return this.encoder.finish();
  }
}
