// The device: the one road to the GPU. Eagerly, `dispatch` encodes into the current batch of commands and `alloc` takes
// memory from a pool; while recording, `alloc` gives virtual buffers and `dispatch` appends to a list that becomes a Plan.
// A device without a GPU (nullDevice) can only record: enough to plan, count and summarise.

import { DeviceError, OutOfMemoryError, PlanError, ShaderError, type TypedArray, ValidationError } from "@roentgen/core";
import { copy as copyKernel, type Kernel, packParams, type ParamValues } from "@roentgen/kernels";
import { alignTo, Buffer, buffersIn, partAlignment } from "./buffer.ts";
import { checkGrid, type Dispatch, flatGrid, type Grid } from "./dispatch.ts";
import { asFailure, lostError, readableBytes } from "./failure.ts";
import { Pipelines } from "./pipelines.ts";

/** What is known of the adapter, for reports and for the choice of kernels. */
export interface DeviceInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** A driver that computes on the CPU: lavapipe, SwiftShader, WARP. */
  readonly software: boolean;
  /** Lanes of a subgroup if the adapter has subgroups of one size only, else 0. */
  readonly subgroupSize: number;
  readonly features: readonly string[];
  readonly toggles: readonly string[];
  /** How the device was reached: "node" (Dawn), "browser", or "none". */
  readonly platform: "node" | "browser" | "none";
}

export interface DeviceOptions {
  /** Refuse to hold more than this many bytes. Default: no limit of ours. */
  readonly budgetBytes?: number;
  /** Waits for a promise that the GPU settles; a platform may have a better way than `await`. */
  readonly wait?: <T>(promise: Promise<T>) => Promise<T>;
  readonly onClose?: () => void;
}

export interface LaunchOptions<O extends string = string> {
  readonly overrides?: Readonly<Partial<Record<O, number>>>;
  readonly flops?: number;
}

/** What `device.record` returns: the dispatches of a function that did not run. */
export interface Recording<T> {
  readonly label: string;
  readonly dispatches: readonly Dispatch[];
  readonly inputs: readonly Buffer[];
  /** Real buffers made while recording, from data known then. The plan owns them. */
  readonly constants: readonly Buffer[];
  readonly result: T;
}

const uniformSlotBytes = 256;
const uniformSlots = 2048;
const storageUsage = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

export class Device {
  readonly pipelines: Pipelines | null;
  /** Bytes of all memory held now: live buffers and the pool's idle ones. */
  #heldBytes = 0;
  #failure: Error | null = null;
  #closed = false;
  readonly #options: DeviceOptions;

  readonly #pool = new Map<number, GPUBuffer[]>();
  readonly #scopes: Set<Buffer>[] = [];
  readonly #path: string[] = [];
  #recording: { dispatches: Dispatch[]; constants: Buffer[] } | null = null;

  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #uniforms: GPUBuffer | null = null;
  readonly #staging = new DataView(new ArrayBuffer(uniformSlotBytes * uniformSlots));
  #slotsUsed = 0;

  constructor(
    readonly gpu: GPUDevice | null,
    readonly info: DeviceInfo,
    options: DeviceOptions = {},
  ) {
    this.#options = options;
    this.pipelines = gpu ? new Pipelines(gpu, (error) => this.#fail(error)) : null;
    if (!gpu) return;
    gpu.addEventListener("uncapturederror", (event) => this.#fail(asFailure(event.error)));
    void gpu.lost.then(({ message }) => this.#closed || this.#fail(lostError(message)));
  }

  get limits(): GPUSupportedLimits | null {
    return this.gpu?.limits ?? null;
  }

  /** The largest range one binding may see, in bytes. */
  get maxBindingBytes(): number {
    return this.limits ? Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize) : 2 ** 27;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get isRecording(): boolean {
    return this.#recording !== null;
  }

  /** Where we are, as labels show it: module path and op. */
  get path(): string {
    return this.#path.join(" ");
  }

  /** Runs `fn` with `label` added to the labels of what it dispatches and allocates. */
  within<T>(label: string, fn: () => T): T {
    this.#path.push(label);
    try {
      return fn();
    } finally {
      this.#path.pop();
    }
  }

  // --- memory ---------------------------------------------------------------------------------------------------

  /** A buffer with undefined contents. It lives until its scope ends, or `dispose`; while recording it is virtual. */
  alloc(bytes: number, label: string): Buffer {
    const size = Math.max(4, alignTo(bytes, 4));
    if (this.#recording) return new Buffer(`${this.path} ${label}`.trim(), size);
    const buffer = this.allocPersistent(size, `${this.path} ${label}`.trim());
    this.#scopes.at(-1)?.add(buffer);
    return buffer;
  }

  /** Real, zeroed or reused memory outside every scope, also while recording: parameters, optimiser and random state. */
  allocPersistent(bytes: number, label: string): Buffer {
    this.check();
    const size = Math.max(4, alignTo(bytes, 4));
    if (!this.gpu) return Buffer.external(label, size);
    return new Buffer(label, size, this.#pool.get(size)?.pop() ?? this.allocMemory(size, label));
  }

  /** GPU memory by itself, counted against the budget. */
  allocMemory(bytes: number, label: string): GPUBuffer {
    const gpu = this.#need("allocate");
    const { budgetBytes = Infinity } = this.#options;
    if (bytes > gpu.limits.maxBufferSize) {
      throw new OutOfMemoryError(`${label}: ${readableBytes(bytes)} in one buffer, but this device allows ${readableBytes(gpu.limits.maxBufferSize)}. Use a smaller batch or input size.`);
    }
    if (this.#heldBytes + bytes > budgetBytes) this.trim();
    if (this.#heldBytes + bytes > budgetBytes) {
      throw new OutOfMemoryError(`${label}: ${readableBytes(bytes)} on top of ${readableBytes(this.#heldBytes)} in use would exceed the budget of ${readableBytes(budgetBytes)}. Use a smaller batch or input size, or a larger budget.`);
    }
    const memory = gpu.createBuffer({ label, size: bytes, usage: storageUsage() });
    this.#heldBytes += bytes;
    return memory;
  }

  freeMemory(memory: GPUBuffer): void {
    this.#heldBytes -= memory.size;
    memory.destroy();
  }

  /** Throws OutOfMemoryError if `bytes` more cannot be held, with what `advice` says. */
  requireBudget(bytes: number, what: string, advice: string): void {
    const { budgetBytes = Infinity } = this.#options;
    if (this.#heldBytes + bytes > budgetBytes) this.trim();
    if (this.#heldBytes + bytes > budgetBytes) {
      throw new OutOfMemoryError(`${what} needs ${readableBytes(bytes)} on top of ${readableBytes(this.#heldBytes)} in use; the budget is ${readableBytes(budgetBytes)}. ${advice}`);
    }
  }

  /** Gives a buffer back at once. Parts belong to their whole and virtual buffers to their plan: nothing happens. */
  dispose(buffer: Buffer): void {
    const memory = buffer.release();
    for (const scope of this.#scopes) scope.delete(buffer);
    if (!memory) return;
    const idle = this.#pool.get(memory.size);
    if (idle) idle.push(memory);
    else this.#pool.set(memory.size, [memory]);
  }

  /** Returns the pool's idle memory to the driver. */
  trim(): void {
    this.flush();
    for (const idle of this.#pool.values()) for (const memory of idle) this.freeMemory(memory);
    this.#pool.clear();
  }

  /** Runs `fn` and gives back whatever it allocated and did not return (in arrays, maps, plain objects). Always synchronous. */
  scope<T>(fn: () => T): T {
    const mine = new Set<Buffer>();
    this.#scopes.push(mine);
    let kept = new Set<Buffer>();
    try {
      const result = fn();
      if (result instanceof Promise) throw new PlanError("device.scope: the function is asynchronous, its tensors would be freed before it ends. Make it synchronous and read outside.");
      kept = buffersIn(result);
      return result;
    } finally {
      this.#scopes.pop();
      for (const buffer of mine) {
        if (!kept.has(buffer)) this.dispose(buffer);
        else this.#scopes.at(-1)?.add(buffer);
      }
    }
  }

  // --- work -----------------------------------------------------------------------------------------------------

  /** Launches `kernel` on `buffers` (by binding name): now if eager, else onto the recording. */
  dispatch<B extends string, P extends ParamValues, O extends string>(
    kernel: Kernel<B, P, O>,
    buffers: Readonly<Record<B, Buffer>>,
    params: P,
    grid: Grid,
    { overrides, flops = 0 }: LaunchOptions<O> = {},
  ): void {
    const bound = kernel.bindings.map((b) => buffers[b.name as B]);
    const launch: Dispatch = { kernel, label: `${this.path} ${kernel.name}`.trim(), buffers: bound, params, overrides: (overrides ?? {}) as Record<string, number>, grid, flops };
    checkGrid(launch.label, grid);
    if (this.#recording) this.#recording.dispatches.push(launch);
    else this.#encode(launch);
  }

  #encode({ kernel, label, buffers, params, overrides, grid }: Dispatch): void {
    this.check();
    const gpu = this.#need("dispatch");
    const { pipeline, layout } = this.#compiled().get(kernel, overrides);
    if (this.#slotsUsed === uniformSlots) this.flush();
    this.#encoder ??= gpu.createCommandEncoder({ label: "eager" });
    this.#pass ??= this.#encoder.beginComputePass({ label: "eager" });
    const entries = storageEntries(kernel, buffers);
    if (kernel.params) {
      this.#uniforms ??= gpu.createBuffer({ label: "eager params", size: this.#staging.byteLength, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
      const offset = this.#slotsUsed++ * uniformSlotBytes;
      packParams(kernel, params, this.#staging, offset);
      entries.push({ binding: 0, resource: { buffer: this.#uniforms, offset, size: kernel.params.bytes } });
    }
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, gpu.createBindGroup({ label, layout, entries }));
    this.#pass.dispatchWorkgroups(...grid);
  }

  /** Submits what was encoded so far. */
  flush(): void {
    if (!this.#encoder || !this.gpu) return;
    this.#pass?.end();
    if (this.#uniforms) this.gpu.queue.writeBuffer(this.#uniforms, 0, this.#staging.buffer as ArrayBuffer, 0, this.#slotsUsed * uniformSlotBytes);
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.#encoder = this.#pass = null;
    this.#slotsUsed = 0;
  }

  /** Writes host data into a buffer, after all work dispatched so far. `data` must be a multiple of 4 bytes, or is padded with zeros. */
  write(buffer: Buffer, data: TypedArray | ArrayBufferView, at = 0): void {
    if (this.#recording && buffer.isVirtual) throw new PlanError(`${buffer.label}: writing while recording cannot work. Pass the data as an input of the plan.`);
    this.check();
    const { gpu, offset } = buffer.memory;
    this.flush();
    const { buffer: bytes, byteOffset, byteLength } = padded(data);
    this.#need("write").queue.writeBuffer(gpu, offset + at, bytes as ArrayBuffer, byteOffset, byteLength);
  }

  /** Sets all of a buffer to zero. */
  zero(buffer: Buffer): void {
    const { gpu, offset } = buffer.memory;
    this.flush();
    const encoder = this.#need("clear").createCommandEncoder({ label: "zero" });
    encoder.clearBuffer(gpu, offset, buffer.bytes);
    this.gpu?.queue.submit([encoder.finish()]);
  }

  /** A buffer with this content: eager, or (while recording) a constant of the plan. */
  upload(data: TypedArray | ArrayBufferView, label: string): Buffer {
    if (!this.#recording) {
      const buffer = this.alloc(data.byteLength, label);
      this.write(buffer, data);
      return buffer;
    }
    const buffer = this.allocPersistent(data.byteLength, label);
    if (!this.gpu) return buffer;
    this.#recording.constants.push(buffer);
    this.write(buffer, data);
    return buffer;
  }

  /**
   * Lays buffers side by side in one, each at a multiple of 256 bytes, in order. Recording, they become its parts and nothing is
   * copied where that can be; eagerly they are copied. Callers read the whole; the offsets are in bytes.
   */
  group(buffers: readonly Buffer[], label: string): { whole: Buffer; offsets: number[] } {
    const offsets: number[] = [];
    let bytes = 0;
    for (const buffer of buffers) {
      offsets.push(bytes);
      bytes = alignTo(bytes + buffer.bytes, partAlignment);
    }
    const whole = this.alloc(bytes, label);
    const movable = this.#recording ? movableInto(buffers, this.#recording.dispatches) : new Set<Buffer>();
    for (const [i, buffer] of buffers.entries()) {
      const offset = offsets[i] ?? 0;
      if (movable.has(buffer)) buffer.becomePart(whole, offset);
      else this.copy(buffer, Buffer.part(`${label} part`, buffer.bytes, whole, offset));
    }
    return { whole, offsets };
  }

  /** Copies all of `from` to the beginning of `to`. */
  copy(from: Buffer, to: Buffer): void {
    const n = from.bytes / 4;
    this.dispatch(copyKernel.forward, { x: from, y: to }, { n }, flatGrid(n, copyKernel.forward.overrides.WORKGROUP));
  }

  // --- recording ------------------------------------------------------------------------------------------------

  /** Runs `fn` without running anything: its dispatches and its result, whose buffers are virtual. */
  record<T>(label: string, inputs: readonly Buffer[], fn: () => T): Recording<T> {
    if (this.#recording) throw new PlanError(`${label}: already recording. A recorded function cannot record another.`);
    const recording = { dispatches: [] as Dispatch[], constants: [] as Buffer[] };
    this.#recording = recording;
    try {
      const result = fn();
      if (result instanceof Promise) throw new PlanError(`${label}: a recorded function must be synchronous.`);
      return { label, inputs, result, ...recording };
    } finally {
      this.#recording = null;
    }
  }

  /** A virtual buffer that a plan's input will be written to. */
  input(bytes: number, label: string): Buffer {
    return new Buffer(label, Math.max(4, alignTo(bytes, 4)));
  }

  // --- results --------------------------------------------------------------------------------------------------

  /** The contents of a buffer, after all work dispatched so far. */
  async read(buffer: Buffer): Promise<ArrayBuffer> {
    if (this.#recording || buffer.isVirtual) throw new PlanError(`${buffer.label}: reading while recording cannot work, there is no value yet. Return the tensor from the recorded function and read it after run().`);
    this.check();
    const gpu = this.#need("read");
    const { gpu: memory, offset } = buffer.memory;
    this.flush();
    const staging = gpu.createBuffer({ label: `read ${buffer.label}`, size: buffer.bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = gpu.createCommandEncoder({ label: "read" });
    encoder.copyBufferToBuffer(memory, offset, staging, 0, buffer.bytes);
    gpu.queue.submit([encoder.finish()]);
    try {
      await this.#wait(staging.mapAsync(GPUMapMode.READ));
      await this.#settle();
      return staging.getMappedRange().slice(0);
    } catch (error) {
      await this.#settle(); // the reason arrives by another road
      throw error;
    } finally {
      staging.destroy();
    }
  }

  /** Waits until the GPU has done all it was given. Throws what went wrong meanwhile. */
  async idle(): Promise<void> {
    this.check();
    this.flush();
    await this.#wait(this.#need("wait").queue.onSubmittedWorkDone());
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await this.pipelines?.settled();
    this.check();
  }

  /** Throws the first error that WebGPU reported since the device was opened. */
  check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new DeviceError("the device was closed. Open another one.");
  }

  /** Runs `fn`; a WebGPU error of `kind` inside it comes back as a value instead of failing the device. */
  async guarded<T>(kind: GPUErrorFilter, fn: () => T): Promise<{ value: T; error: GPUError | null }> {
    const gpu = this.#need("allocate");
    gpu.pushErrorScope(kind);
    const value = fn();
    return { value, error: await gpu.popErrorScope() };
  }

  async wait<T>(promise: Promise<T>): Promise<T> {
    return this.#wait(promise);
  }

  /** Destroys the device and all its memory. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.gpu?.destroy();
    this.#options.onClose?.();
  }

  #wait<T>(promise: Promise<T>): Promise<T> {
    return this.#options.wait ? this.#options.wait(promise) : promise;
  }

  /** Keeps the first error; but a shader that does not compile explains the commands refused because of it. */
  #fail(error: Error): void {
    if (this.#closed) return;
    if (!this.#failure || (error instanceof ShaderError && this.#failure instanceof ValidationError)) this.#failure = error;
  }

  #compiled(): Pipelines {
    if (!this.pipelines) throw new DeviceError("this device has no GPU: it can record and plan, but not run.");
    return this.pipelines;
  }

  #need(what: string): GPUDevice {
    if (!this.gpu) throw new DeviceError(`cannot ${what}: this device has no GPU, it can only record and plan. Open one with openDevice().`);
    return this.gpu;
  }
}

/**
 * Buffers that may become parts of one whole: virtual, written by the recording itself (not an input), no part already, given
 * once, and never read by a dispatch that writes another of them, since one buffer cannot be bound both ways.
 */
function movableInto(buffers: readonly Buffer[], dispatches: readonly Dispatch[]): Set<Buffer> {
  const candidates = new Set(buffers.filter((b, i) => b.isVirtual && b.root.buffer === b && buffers.indexOf(b) === i && buffers.lastIndexOf(b) === i));
  const written = new Set<Buffer>();
  const tied = new Set<Buffer>();
  for (const { kernel, buffers: bound } of dispatches) {
    const among = bound.map((buffer, i) => ({ buffer, writes: kernel.bindings[i]?.access === "read_write" })).filter(({ buffer }) => candidates.has(buffer));
    for (const { buffer, writes } of among) {
      if (writes) written.add(buffer);
      else if (among.some((other) => other.writes)) tied.add(buffer);
    }
  }
  return new Set([...candidates].filter((b) => written.has(b) && !tied.has(b)));
}

/** Bind group entries of a kernel's storage buffers. */
export function storageEntries(kernel: Kernel, buffers: readonly Buffer[]): GPUBindGroupEntry[] {
  return kernel.bindings.map((binding, i) => {
    const buffer = buffers[i];
    if (!buffer) throw new Error(`internal: ${kernel.name}: no buffer for ${binding.name}.`);
    const { gpu, offset } = buffer.memory;
    return { binding: binding.index, resource: { buffer: gpu, offset, size: buffer.bytes } };
  });
}

function padded(data: ArrayBufferView): ArrayBufferView {
  if (data.byteLength % 4 === 0) return data;
  const whole = new Uint8Array(alignTo(data.byteLength, 4));
  whole.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return whole;
}

/** A device that records and plans without a GPU. */
export const nullDevice = (): Device =>
  new Device(null, { vendor: "none", architecture: "none", device: "none", description: "no GPU: records and plans only", software: true, subgroupSize: 0, features: [], toggles: [], platform: "none" });
