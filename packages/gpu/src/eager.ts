import { packParams } from "@roentgen/kernels";
import { type Dispatch, storageEntries } from "./dispatch.ts";
import type { Pipelines } from "./pipelines.ts";

const slotBytes = 256;
const slots = 2048;

/** Dispatches on their way to the queue: encoded into one pass, their parameters staged in one uniform buffer, submitted together. */
export class EagerBatch {
  readonly #gpu: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #staging = new DataView(new ArrayBuffer(slotBytes * slots));
  readonly #uniforms: GPUBuffer;
  #used = 0;
  #open: { readonly encoder: GPUCommandEncoder; readonly pass: GPUComputePassEncoder } | null = null;

  constructor(gpu: GPUDevice, pipelines: Pipelines) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#uniforms = gpu.createBuffer({ label: "eager params", size: this.#staging.byteLength, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  }

  add({ kernel, label, buffers, params, overrides, grid }: Dispatch): void {
    const { pipeline, layout } = this.#pipelines.get(kernel, overrides);
    if (this.#used === slots) this.flush();
    const entries = storageEntries(kernel, buffers);
    if (kernel.params) {
      if (kernel.params.bytes > slotBytes) throw new Error(`internal: ${kernel.name}: Params has ${kernel.params.bytes} bytes, a slot ${slotBytes}.`);
      const offset = this.#used++ * slotBytes;
      packParams(kernel, params, this.#staging, offset);
      entries.push({ binding: 0, resource: { buffer: this.#uniforms, offset, size: kernel.params.bytes } });
    }
    const { pass } = (this.#open ??= this.#begin());
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#gpu.createBindGroup({ label, layout, entries }));
    pass.dispatchWorkgroups(...grid);
  }

  /** Submits what was added so far. */
  flush(): void {
    if (!this.#open) return;
    const { encoder, pass } = this.#open;
    this.#open = null;
    pass.end();
    // The write is ordered before the submit, and after what an earlier submit read from the same slots.
    this.#gpu.queue.writeBuffer(this.#uniforms, 0, this.#staging.buffer as ArrayBuffer, 0, this.#used * slotBytes);
    this.#gpu.queue.submit([encoder.finish()]);
    this.#used = 0;
  }

  #begin() {
    const encoder = this.#gpu.createCommandEncoder({ label: "eager" });
    return { encoder, pass: encoder.beginComputePass({ label: "eager" }) };
  }
}
