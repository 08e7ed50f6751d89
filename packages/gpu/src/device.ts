// The device: the one road to the GPU. Eagerly, `dispatch` encodes into the current batch of commands and `alloc` takes
// memory from a pool; while recording, `alloc` gives virtual buffers and `dispatch` appends to a list that becomes a Plan.
// A device without a GPU (nullDevice) can only record: enough to plan, count and summarise.

import { DeviceError, PlanError, ShaderError, type TypedArray, ValidationError } from "@roentgen/core";
import { copy, copyScalar, type Kernel, type ParamValues } from "@roentgen/kernels";
import { alignTo, Buffer, buffersIn, partAlignment } from "./buffer.ts";
import { type DeviceInfo, noGpu } from "./device-info.ts";
import { checkGrid, type Dispatch, flatGrid, type Grid } from "./dispatch.ts";
import { EagerBatch } from "./eager.ts";
import { asFailure, lostError } from "./failure.ts";
import type { Joiner } from "./join.ts";
import { Memory } from "./memory.ts";
import { movableInto } from "./parts.ts";
import { Pipelines } from "./pipelines.ts";
import type { Plan } from "./plan.ts";
import { profile, type Profile } from "./profile.ts";
import type { TimingOptions } from "./timing.ts";

export interface DeviceOptions {
  /** Refuse to hold more than this many bytes. Default: no limit of ours. */
  readonly budgetBytes?: number;
  /** Waits for a promise that the GPU settles; a platform may have a better way than `await`. */
  readonly wait?: <T>(promise: Promise<T>) => Promise<T>;
  readonly onClose?: () => void;
}

export interface LaunchOptions<O extends string = string> {
  readonly overrides?: Readonly<Partial<Record<O, number>>>;
  /** Floating-point operations, for the profiler. */
  readonly flops?: number;
  /** Bytes read and written, for the profiler, where the ranges bound say too much (a part is touched) or too little (updated in place). */
  readonly bytes?: number;
  /** Bytes of what is bound for reading that it does not touch, for the profiler. */
  readonly unread?: number;
  /** Lets a plan do it later, together with others of the same joiner. */
  readonly joiner?: Joiner;
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

export class Device {
  readonly #memory: Memory | null;
  readonly #batch: EagerBatch | null;
  readonly pipelines: Pipelines | null;
  #failure: Error | null = null;
  #closed = false;
  readonly #options: DeviceOptions;

  readonly #scopes: Set<Buffer>[] = [];
  readonly #path: string[] = [];
  #recording: { dispatches: Dispatch[]; constants: Buffer[] } | null = null;

  constructor(
    readonly gpu: GPUDevice | null,
    readonly info: DeviceInfo,
    options: DeviceOptions = {},
  ) {
    this.#options = options;
    this.pipelines = gpu && new Pipelines(gpu, (error) => this.#fail(error));
    this.#memory = gpu && new Memory(gpu, options.budgetBytes ?? Infinity, () => this.flush());
    this.#batch = gpu && this.pipelines && this.#memory && new EagerBatch(gpu, this.pipelines, this.#memory);
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

  /** Bytes of all memory held now: live buffers and idle ones in the pool. */
  get heldBytes(): number {
    return this.#memory?.heldBytes ?? 0;
  }

  /** Bytes that may still be asked for before the budget is spent; infinite without one. */
  get freeBytes(): number {
    return this.#memory?.freeBytes ?? Infinity;
  }

  /** Whole GPUBuffers, for plans. Throws DeviceError on a device without a GPU. */
  get memory(): Memory {
    return present(this.#memory, "allocate");
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

  /** Real memory with undefined contents, outside every scope, also while recording: parameters, optimiser and random state. */
  allocPersistent(bytes: number, label: string): Buffer {
    this.check();
    const size = Math.max(4, alignTo(bytes, 4));
    return this.#memory ? new Buffer(label, size, this.#memory.take(size, label)) : Buffer.external(label, size);
  }

  /** Gives a buffer back at once. Parts belong to their whole and virtual buffers to their plan: nothing happens. */
  dispose(buffer: Buffer): void {
    const memory = buffer.release();
    for (const scope of this.#scopes) scope.delete(buffer);
    if (memory) this.memory.giveBack(memory);
  }

  /** Returns the pool's idle memory to the driver, and textures that eager work used. */
  trim(): void {
    this.#batch?.trim();
    this.#memory?.trim();
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
    { overrides, flops = 0, bytes, unread, joiner }: LaunchOptions<O> = {},
  ): void {
    const bound = kernel.bindings.map((b) => buffers[b.name as B]);
    const launch: Dispatch = { kernel, label: `${this.path} ${kernel.name}`.trim(), buffers: bound, params, overrides: (overrides ?? {}) as Record<string, number>, grid, flops, bytes, unread, joiner };
    checkGrid(launch.label, grid);
    if (this.#recording) this.#recording.dispatches.push(launch);
    else {
      this.check();
      present(this.#batch, "dispatch").add(launch);
    }
  }

  /** Submits what was dispatched so far. */
  flush(): void {
    this.#batch?.flush();
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
    const wide = from.bytes % 16 === 0;
    const kernel = (wide ? copy : copyScalar).forward;
    const n = from.bytes / (wide ? 16 : 4);
    this.dispatch(kernel, { x: from, y: to }, { n }, flatGrid(n, kernel.overrides.WORKGROUP));
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
    let value: T;
    try {
      value = fn();
    } catch (error) {
      // A scope left open would keep later errors from the device.
      gpu.popErrorScope().catch(() => undefined);
      throw error;
    }
    return { value, error: await gpu.popErrorScope() };
  }

  async wait<T>(promise: Promise<T>): Promise<T> {
    return this.#wait(promise);
  }

  /** Times every dispatch of a plan, in runs of their own (profile.ts). */
  profile(plan: Plan, options?: TimingOptions): Promise<Profile> {
    return profile(this, plan, options);
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

  #need(what: string): GPUDevice {
    return present(this.gpu, what);
  }
}

function present<T>(part: T | null, what: string): T {
  if (!part) throw new DeviceError(`cannot ${what}: this device has no GPU, it can only record and plan. Open one with openDevice().`);
  return part;
}

function padded(data: ArrayBufferView): ArrayBufferView {
  if (data.byteLength % 4 === 0) return data;
  const whole = new Uint8Array(alignTo(data.byteLength, 4));
  whole.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return whole;
}

/** A device that records and plans without a GPU. */
export const nullDevice = (): Device => new Device(null, noGpu);
