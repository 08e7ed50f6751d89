// A plan: a recorded list of dispatches, with memory assigned, parameters packed and bind groups built, that `run` replays.
//
// What it needs is known before anything is allocated (`bytes`). `build` allocates and compiles with progress; `run` builds by
// itself if nobody did. A run writes the inputs, encodes setPipeline / setBindGroup / dispatch for each entry (and copies of what
// kernels read as images) and submits it all: no allocation on our side. A plan owns its outputs: each run leaves new contents in the
// same buffers.

import { OutOfMemoryError, PlanError, type TypedArray } from "@roentgen/core";
import { packParams } from "@roentgen/kernels";
import { alignTo, type Buffer } from "./buffer.ts";
import { Commands } from "./commands.ts";
import type { Device, Recording } from "./device.ts";
import { type Dispatch, storageEntries } from "./dispatch.ts";
import { readableBytes } from "./failure.ts";
import { type ImageCopy, imageCopy, type ImageLayout, layOutImages } from "./images.ts";
import { bestLayout } from "./layout.ts";
import { type MemoryMap, memoryMap } from "./memory-map.ts";
import { Pipelines } from "./pipelines.ts";
import type { Range, Slots } from "./planner.ts";

/** Called while a plan compiles: pipelines ready, and how many there are. */
export type BuildProgress = (done: number, total: number) => void;

interface Memories {
  readonly slots: readonly GPUBuffer[];
  readonly images: readonly GPUTexture[];
}

interface Built extends Memories {
  readonly uniforms: GPUBuffer | null;
  readonly pipelines: GPUComputePipeline[];
  readonly bindGroups: GPUBindGroup[];
  /** What is copied before each dispatch. */
  readonly copies: readonly (readonly ImageCopy[])[];
  /** Workgroups along x, y and z of each dispatch, flat: what the replay loop reads. */
  readonly grids: Uint32Array;
}

export class Plan<T = unknown> {
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  /** What the recorded function returned; its buffers hold values after the first run. */
  readonly result: T;
  readonly inputs: readonly Buffer[];
  /** Bytes the plan allocates: slots, images and parameters. Parameters of the model and other persistent buffers are not its own. */
  readonly bytes: number;
  /** The most bytes of values alive at one moment: what a perfect assignment would need. */
  readonly peakLiveBytes: number;

  readonly #device: Device;
  readonly #roots: readonly Buffer[];
  readonly #ranges: readonly Range[];
  readonly #slots: Slots;
  readonly #images: ImageLayout;
  readonly #constants: readonly Buffer[];
  #built: Built | null = null;
  #building: Promise<void> | null = null;
  #disposed = false;

  constructor(device: Device, recording: Recording<T>) {
    const { label, inputs, constants, result } = recording;
    const layout = bestLayout(recording);
    this.label = label;
    this.dispatches = layout.dispatches;
    this.result = result;
    this.inputs = inputs;
    this.#device = device;
    this.#constants = constants;
    this.#roots = layout.roots;
    this.#ranges = layout.ranges;
    this.#slots = layout.slots;
    this.#images = layOutImages(layout.dispatches);
    this.peakLiveBytes = layout.peak;
    this.bytes = layout.slotBytes + this.#images.bytes + uniformBytes(this.dispatches);
  }

  get isBuilt(): boolean {
    return this.#built !== null;
  }

  /** Pipelines the plan uses, each once. */
  get pipelineCount(): number {
    return new Set(this.dispatches.map((d) => Pipelines.key(d.kernel, d.overrides))).size;
  }

  /** Compiles all pipelines side by side and allocates, once for all who ask meanwhile. Throws ShaderError, or OutOfMemoryError with the peak and what holds it. */
  async build(onProgress: BuildProgress = () => undefined): Promise<void> {
    this.#requireUse();
    if (this.#built) return;
    await (this.#building ??= this.#build(onProgress).finally(() => (this.#building = null)));
  }

  async #build(onProgress: BuildProgress): Promise<void> {
    this.#requireMemory();
    const compiler = this.#compiler();
    const distinct = new Map(this.dispatches.map((d) => [Pipelines.key(d.kernel, d.overrides), d]));
    let done = 0;
    await this.#device.wait(Promise.all([...distinct.values()].map(async (d) => {
      await compiler.getAsync(d.kernel, d.overrides);
      onProgress(++done, distinct.size);
    })));
    // Somebody may have run it, which builds it, or disposed of it meanwhile.
    this.#requireUse();
    if (this.#built) return;
    const { value, error } = await this.#device.guarded("out-of-memory", () => this.#allocate());
    if (error || this.#disposed || this.#built) this.#free(value);
    if (error) throw new OutOfMemoryError(this.#memoryMessage(`the device refused: ${error.message}`));
    this.#requireUse();
    this.#built ??= this.#assemble(value);
  }

  /** Runs the recorded work on new inputs (in the order they were declared) and returns the same outputs with new contents. */
  run(inputs: readonly (TypedArray | ArrayBufferView)[] = []): T {
    this.#requireUse();
    if (inputs.length !== this.inputs.length) throw new PlanError(`plan "${this.label}" has ${this.inputs.length} inputs, got ${inputs.length}.`);
    const device = this.#device;
    device.check();
    device.flush();
    const built = this.#builtNow();
    this.writeInputs(inputs);
    const gpu = this.#gpu();
    const commands = new Commands(gpu.createCommandEncoder());
    this.encode(commands, built);
    gpu.queue.submit([commands.finish()]);
    return this.result;
  }

  /** Writes inputs for a run that somebody else encodes. A run may overwrite them: their memory is used again. */
  writeInputs(inputs: readonly (TypedArray | ArrayBufferView)[]): void {
    for (const [i, data] of inputs.entries()) if (this.inputs[i]) this.#device.write(this.inputs[i], data);
  }

  /** Bytes of what dispatch i reads as images that are copied into textures before it. */
  copiedBefore(i: number): number {
    return (this.#images.operands[i] ?? []).reduce((sum, { copied, buffer }) => sum + (copied ? buffer.bytes : 0), 0);
  }

  /** Encodes dispatches [from, to) into commands that somebody else submits: the profiler and the debug replay do. */
  encode(commands: Commands, { pipelines, bindGroups, copies, grids } = this.#builtNow(), from = 0, to = this.dispatches.length): void {
    let pass: GPUComputePassEncoder | null = null;
    let current: GPUComputePipeline | undefined;
    for (let i = from; i < to; i++) {
      const before = copies[i] as readonly ImageCopy[];
      if (before.length > 0) {
        commands.copy(before);
        pass = null;
        current = undefined;
      }
      pass ??= commands.pass;
      const pipeline = pipelines[i] as GPUComputePipeline;
      if (pipeline !== current) pass.setPipeline((current = pipeline));
      pass.setBindGroup(0, bindGroups[i] as GPUBindGroup);
      // Each argument is a conversion of some 20 ns, and most grids have one axis.
      const x = grids[3 * i] as number;
      const y = grids[3 * i + 1] as number;
      const z = grids[3 * i + 2] as number;
      if (z > 1) pass.dispatchWorkgroups(x, y, z);
      else if (y > 1) pass.dispatchWorkgroups(x, y);
      else pass.dispatchWorkgroups(x);
    }
  }

  /** Gives the plan's memory back. Its outputs lose their contents. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const constant of this.#constants) this.#device.dispose(constant);
    if (this.#built) this.#free(this.#built);
    this.#built?.uniforms?.destroy();
    this.#built = null;
  }

  /** Buffers that the plan gives memory to, without parts. All others it uses outlive it. */
  get ownBuffers(): readonly Buffer[] {
    return this.#roots;
  }

  /** What lives in each slot and when, for the profiler. */
  memoryMap(): MemoryMap {
    return memoryMap(this.#roots, this.dispatches.flatMap((d) => d.buffers), this.#ranges, this.#slots);
  }

  /** A table: label, grid, slots of each dispatch. */
  toString(): string {
    const slotOf = new Map(this.#roots.map((b, i) => [b, this.#slots.of[i] ?? -1]));
    const rows = this.dispatches.map((d, i) => {
      const slots = d.buffers.map((b, j) => {
        const slot = slotOf.get(b.root.buffer) ?? -1;
        return `${d.kernel.bindings[j]?.name}:${slot < 0 ? "*" : slot}`;
      });
      return `${String(i).padStart(4)}  ${d.grid.join("x").padEnd(12)}  ${slots.join(" ").padEnd(40)}  ${d.label}`;
    });
    return [`plan "${this.label}": ${this.dispatches.length} dispatches, ${this.#slots.bytes.length} slots, ${readableBytes(this.bytes)}, ${this.pipelineCount} pipelines`, ...rows].join("\n");
  }

  #builtNow(): Built {
    if (!this.#built) {
      this.#requireMemory();
      this.#built = this.#assemble(this.#allocate());
    }
    return this.#built;
  }

  #allocate(): Memories {
    const { memory } = this.#device;
    const slots: GPUBuffer[] = [];
    const images: GPUTexture[] = [];
    try {
      for (const [i, bytes] of this.#slots.bytes.entries()) slots.push(memory.create(bytes, `${this.label} slot ${i}`));
      for (const [i, slot] of this.#images.slots.entries()) images.push(memory.createImage(slot, `${this.label} image ${i}`));
      return { slots, images };
    } catch (error) {
      this.#free({ slots, images });
      throw error;
    }
  }

  #free({ slots, images }: Memories): void {
    for (const slot of slots) this.#device.memory.destroy(slot);
    for (const image of images) this.#device.memory.destroyImage(image);
  }

  #assemble({ slots, images }: Memories): Built {
    const gpu = this.#gpu();
    for (const [i, root] of this.#roots.entries()) {
      const slot = slots[this.#slots.of[i] ?? -1];
      if (slot && root.isVirtual) root.adopt(slot);
    }
    const compiler = this.#compiler();
    const uniforms = this.#uniforms(gpu);
    const pipelines: GPUComputePipeline[] = [];
    const bindGroups: GPUBindGroup[] = [];
    const copies: ImageCopy[][] = [];
    const views = images.map((image) => image.createView());
    let offset = 0;
    for (const [i, { kernel, label, buffers, overrides }] of this.dispatches.entries()) {
      const { pipeline, layout } = compiler.get(kernel, overrides);
      const operands = this.#images.operands[i] ?? [];
      const entries = storageEntries(kernel, buffers, operands.map(({ slot }) => views[slot] as GPUTextureView));
      copies.push(operands.filter(({ copied }) => copied).map(({ buffer, size, slot }) => imageCopy(buffer, size, images[slot] as GPUTexture)));
      if (kernel.params && uniforms) {
        entries.push({ binding: 0, resource: { buffer: uniforms, offset, size: kernel.params.bytes } });
        offset += alignTo(kernel.params.bytes, uniformAlignment);
      }
      pipelines.push(pipeline);
      bindGroups.push(gpu.createBindGroup({ label, layout, entries }));
    }
    return { slots, images, uniforms, pipelines, bindGroups, copies, grids: Uint32Array.from(this.dispatches.flatMap((d) => d.grid)) };
  }

  /** One buffer with the parameters of all dispatches. */
  #uniforms(gpu: GPUDevice): GPUBuffer | null {
    const bytes = uniformBytes(this.dispatches);
    if (bytes === 0) return null;
    const packed = new DataView(new ArrayBuffer(bytes));
    let offset = 0;
    for (const { kernel, params } of this.dispatches) {
      if (!kernel.params) continue;
      packParams(kernel, params, packed, offset);
      offset += alignTo(kernel.params.bytes, uniformAlignment);
    }
    const buffer = gpu.createBuffer({ label: `${this.label} params`, size: bytes, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    gpu.queue.writeBuffer(buffer, 0, packed.buffer);
    return buffer;
  }

  #requireUse(): void {
    if (this.#disposed) throw new PlanError(`plan "${this.label}" was disposed. Record it again.`);
  }

  #requireMemory(): void {
    const limit = this.#gpu().limits;
    for (const [i, bytes] of this.#slots.bytes.entries()) {
      const most = Math.min(limit.maxBufferSize, limit.maxStorageBufferBindingSize);
      if (bytes <= most) continue;
      const owner = this.#roots.find((b, j) => this.#slots.of[j] === i && b.bytes === bytes);
      throw new OutOfMemoryError(this.#memoryMessage(`${owner?.label} alone is ${readableBytes(bytes)}, and this device binds at most ${readableBytes(most)}`));
    }
    this.#device.memory.require(this.bytes, `plan "${this.label}"`, `${this.#largest()} Use a smaller batch or input size.`);
  }

  #memoryMessage(why: string): string {
    return `plan "${this.label}" needs ${readableBytes(this.bytes)} at its peak: ${why}. ${this.#largest()} Use a smaller batch or input size.`;
  }

  #largest(): string {
    const order = this.#roots.filter((_, i) => (this.#slots.of[i] ?? -1) >= 0).sort((a, b) => b.bytes - a.bytes);
    return `Its largest tensors: ${order.slice(0, 3).map((b) => `${b.label} (${readableBytes(b.bytes)})`).join(", ")}.`;
  }

  #compiler(): Pipelines {
    if (!this.#device.pipelines) throw new PlanError(`plan "${this.label}" was recorded on a device without a GPU: it cannot run.`);
    return this.#device.pipelines;
  }

  #gpu(): GPUDevice {
    if (!this.#device.gpu) throw new PlanError(`plan "${this.label}" was recorded on a device without a GPU: it cannot run.`);
    return this.#device.gpu;
  }
}

const uniformAlignment = 256;

const uniformBytes = (dispatches: readonly Dispatch[]): number =>
  dispatches.reduce((sum, d) => sum + (d.kernel.params ? alignTo(d.kernel.params.bytes, uniformAlignment) : 0), 0);
