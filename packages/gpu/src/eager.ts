import { packParams } from "@roentgen/kernels";
import { Commands } from "./commands.ts";
import { type Dispatch, storageEntries } from "./dispatch.ts";
import { imageCopy, layOutImages } from "./images.ts";
import type { Memory } from "./memory.ts";
import type { Pipelines } from "./pipelines.ts";

const slotBytes = 256;
const slots = 2048;

/** Dispatches on their way to the queue: encoded into one pass, their parameters staged in one uniform buffer, submitted together. */
export class EagerBatch {
  readonly #gpu: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #staging = new DataView(new ArrayBuffer(slotBytes * slots));
  readonly #uniforms: GPUBuffer;
  readonly #memory: Memory;
  /** Textures for what is read as an image, by kind. */
  readonly #images = new Map<string, GPUTexture>();
  #used = 0;
  #open: Commands | null = null;

  constructor(gpu: GPUDevice, pipelines: Pipelines, memory: Memory) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#memory = memory;
    this.#uniforms = gpu.createBuffer({ label: "eager params", size: this.#staging.byteLength, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  }

  add(dispatch: Dispatch): void {
    const { kernel, label, buffers, params, overrides, grid } = dispatch;
    const { pipeline, layout } = this.#pipelines.get(kernel, overrides);
    if (this.#used === slots) this.flush();
    const images = this.#imagesOf(dispatch);
    const entries = storageEntries(kernel, buffers, images.map(({ texture }) => texture.createView()));
    if (kernel.params) {
      if (kernel.params.bytes > slotBytes) throw new Error(`internal: ${kernel.name}: Params has ${kernel.params.bytes} bytes, a slot ${slotBytes}.`);
      const offset = this.#used++ * slotBytes;
      packParams(kernel, params, this.#staging, offset);
      entries.push({ binding: 0, resource: { buffer: this.#uniforms, offset, size: kernel.params.bytes } });
    }
    this.#open ??= new Commands(this.#gpu.createCommandEncoder({ label: "eager" }));
    this.#open.copy(images.map(({ copy }) => copy));
    const { pass } = this.#open;
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#gpu.createBindGroup({ label, layout, entries }));
    pass.dispatchWorkgroups(...grid);
  }

  /** Submits what was added so far. */
  flush(): void {
    if (!this.#open) return;
    const commands = this.#open;
    this.#open = null;
    // The write is ordered before the submit, and after what an earlier submit read from the same slots.
    this.#gpu.queue.writeBuffer(this.#uniforms, 0, this.#staging.buffer as ArrayBuffer, 0, this.#used * slotBytes);
    this.#gpu.queue.submit([commands.finish()]);
    this.#used = 0;
  }

  /** Gives textures back. */
  trim(): void {
    this.flush();
    for (const texture of this.#images.values()) this.#memory.destroyImage(texture);
    this.#images.clear();
  }

  #imagesOf(dispatch: Dispatch) {
    const { slots, operands } = layOutImages([dispatch]);
    return (operands[0] ?? []).map(({ buffer, size, slot }) => {
      const { width, height } = slots[slot] as (typeof slots)[number];
      const key = `${slot} ${width}`;
      let texture = this.#images.get(key);
      if (!texture || texture.height < height) {
        this.flush(); // commands that use the old one
        if (texture) this.#memory.destroyImage(texture);
        texture = this.#memory.createImage({ width, height }, `eager image ${key}`);
        this.#images.set(key, texture);
      }
      return { texture, copy: imageCopy(buffer, size, texture) };
    });
  }
}
