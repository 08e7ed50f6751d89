// Optimisers. All parameters lie in a few large buffers (materialize.ts); a step lays the gradients side by side in the same
// order (device.group: recording, the backward kernels write there at once) and launches one kernel per buffer, guided by a
// table of chunks. What changes between steps lives on the device: the learning rates, the step count, the moments.

import { ConfigError } from "@roentgen/core";
import { Buffer, type Device, flatGrid, type Grid, maxGroups } from "@roentgen/gpu";
import { fill, optimizer as k } from "@roentgen/kernels";
import { type Gradients, persistent, Tensor } from "@roentgen/tensor";
import { arenas } from "./materialize.ts";
import type { LossScale } from "./loss-scale.ts";
import type { Parameter } from "./parameter.ts";

export interface ParameterGroup {
  readonly parameters: Iterable<Parameter>;
  /** Times the optimiser's learning rate. Default 1. */
  readonly rateScale?: number;
  /** Default: the optimiser's. */
  readonly weightDecay?: number;
}

export interface OptimizerOptions {
  /** Learning rate; set `rate` to change it between steps. */
  readonly lr: number;
  readonly weightDecay?: number;
  /** Scales the gradient down so that its L2 norm over all parameters is at most this. Default: no clipping. */
  readonly maxGradNorm?: number;
  /** Seeds the loss's gradient in mixed precision: gradients are divided by it, and a step that overflowed is skipped. */
  readonly lossScale?: LossScale | undefined;
}

/** Elements of one chunk: what one workgroup updates. */
const chunkElements = 4096;

/** Threads that sum a chunk's squares, and numbers that their sums are first merged into: as in the shaders. */
export const lanesOfNorm = 8;
export const stripesOfNorm = 512;

/** Parameters of one memory buffer, with gradients and moments that lie side by side. */
interface Segment {
  readonly parameters: readonly Parameter[];
  readonly whole: Buffer;
  readonly firstChunk: number;
  readonly chunks: number;
  readonly first: Buffer;
  readonly second: Buffer | null;
}

abstract class Optimizer {
  readonly device: Device;
  /** Steps taken and bias corrections, on the device. */
  protected readonly counter: Tensor;
  protected readonly segments: readonly Segment[];
  protected readonly table: Tensor;
  protected readonly scale: Tensor;
  readonly #hyper: Tensor;
  readonly #groups: readonly { rateScale: number; weightDecay: number }[];
  readonly #maxGradNorm: number | undefined;
  readonly #lossScale: LossScale | undefined;
  readonly #chunks: number;
  #rate: number;
  #sums: readonly Buffer[] | null = null;

  constructor(groups: readonly ParameterGroup[], { lr, weightDecay = 0, maxGradNorm, lossScale }: OptimizerOptions, moments: 1 | 2) {
    const members = groups.flatMap((g, i) => [...g.parameters].filter((p) => p.trainable).map((parameter) => ({ parameter, group: i })));
    const device = members[0]?.parameter.tensor.device;
    if (!device) throw new ConfigError("optimizer: there is nothing to train. All parameters are frozen, or the list is empty.");
    this.device = device;
    this.#rate = lr;
    this.#maxGradNorm = maxGradNorm;
    this.#lossScale = lossScale;
    this.#groups = groups.map((g) => ({ rateScale: g.rateScale ?? 1, weightDecay: g.weightDecay ?? weightDecay }));
    this.counter = persistent(device, [4], "optimizer counter");
    this.scale = persistent(device, [2], "optimizer scale");
    this.#hyper = persistent(device, [groups.length, 2], "optimizer rates");
    const rows: number[] = [];
    this.segments = segmentsOf(members.map((m) => m.parameter), device).map(({ parameters, whole, offsets, bytes }, i) => {
      const firstChunk = rows.length / 4;
      for (const [j, parameter] of parameters.entries()) {
        const group = members.find((m) => m.parameter === parameter)?.group ?? 0;
        const at = parameter.tensor.buffer.root.offset;
        for (let done = 0; done < parameter.size; done += chunkElements) {
          rows.push(at / 16 + done / 4, (offsets[j] ?? 0) / 16 + done / 4, Math.min(chunkElements, parameter.size - done), group);
        }
      }
      const moment = (n: number) => device.allocPersistent(bytes, `moment ${n}.${i}`);
      return { parameters, whole, firstChunk, chunks: rows.length / 4 - firstChunk, first: moment(1), second: moments === 2 ? moment(2) : null };
    });
    this.#chunks = rows.length / 4;
    this.table = persistent(device, [rows.length], "optimizer chunks", "u32");
    if (!device.gpu) return;
    this.table.write(Uint32Array.from(rows));
    this.scale.write(Float32Array.of(1, 0));
    for (const state of this.#stateBuffers()) device.zero(state);
    this.rate = lr;
  }

  /** The learning rate of the next steps, recorded ones included. */
  get rate(): number {
    return this.#rate;
  }

  set rate(lr: number) {
    this.#rate = lr;
    this.#hyper.write(Float32Array.from(this.#groups.flatMap((g) => [lr * g.rateScale, g.weightDecay])));
  }

  /**
   * Updates all parameters.
   *
   * @param gradients  what `backward` returned
   * @returns  the gradients' L2 norm before clipping, f32[1], if `maxGradNorm` is set; with a loss scale, -1 where the step is skipped
   * @throws ConfigError if a trainable parameter has no gradient
   */
  step(gradients: Gradients): Tensor | null {
    return this.device.within("optimizer", () => this.#apply(this.#wholesOf(gradients)));
  }

  /**
   * Adds the gradients of one of `parts` equal parts of a batch, divided by their number: after all of them `update` does what
   * `step` does with the gradient of the whole batch's mean loss, as far as the loss is a mean over examples. Batch norms see each
   * part by itself.
   *
   * @throws ConfigError if a trainable parameter has no gradient
   */
  accumulate(gradients: Gradients, parts: number): void {
    if (!Number.isInteger(parts) || parts < 1) throw new ConfigError(`optimizer: a batch has a whole number of parts, not ${parts}.`);
    this.device.within("optimizer", () => {
      const gathered = this.#gathered();
      for (const [i, fresh] of this.#wholesOf(gradients).entries()) {
        const count = fresh.bytes / 16;
        const params = { ...this.paramsFor(0, count), share: 1 / parts };
        this.device.dispatch(k.gather, { fresh, gathered: gathered[i] as Buffer }, params, flatGrid(count, k.gather.overrides.WORKGROUP), { flops: 8 * count });
      }
    });
  }

  /** Updates all parameters by what was accumulated, and begins anew. Returns what `step` does. */
  update(): Tensor | null {
    return this.device.within("optimizer", () => {
      const gathered = this.#gathered();
      const norm = this.#apply(gathered);
      for (const y of gathered) {
        const n = y.bytes / 4;
        this.device.dispatch(fill.forward, { y }, { n, value: 0 }, flatGrid(n, fill.forward.overrides.WORKGROUP));
      }
      return norm;
    });
  }

  /** Gradients side by side, a buffer for each segment. */
  #wholesOf(gradients: Gradients): Buffer[] {
    return this.segments.map(({ parameters }) => this.device.group(parameters.map((p) => this.#gradientOf(p, gradients)), "gradients").whole);
  }

  /** What `accumulate` adds to: there from its first use on, and zero between batches. */
  #gathered(): readonly Buffer[] {
    return (this.#sums ??= this.segments.map(({ first }, i) => {
      const sum = this.device.allocPersistent(first.bytes, `gradient sum ${i}`);
      if (this.device.gpu) this.device.zero(sum);
      return sum;
    }));
  }

  #apply(wholes: readonly Buffer[]): Tensor | null {
    const norm = this.#normOf(wholes);
    this.device.dispatch(k.advance, { counter: this.counter.buffer, scale: this.scale.buffer }, this.paramsFor(0, 0), [1, 1, 1]);
    for (const [i, segment] of this.segments.entries()) {
      const shared = { chunks: this.table.buffer, hyper: this.#hyper.buffer, scale: this.scale.buffer, gradient: wholes[i] as Buffer, parameter: segment.whole };
      this.updateSegment(segment, shared, this.paramsFor(segment.firstChunk, segment.chunks), foldedGrid(segment.chunks));
    }
    return norm;
  }

  /** Everything a resumed run needs, by name. */
  async state(): Promise<Map<string, Float32Array>> {
    const state = new Map<string, Float32Array>();
    for (const buffer of this.#savedBuffers()) state.set(buffer.label, new Float32Array(await this.device.read(buffer)));
    return state;
  }

  /** Puts back what `state` gave, all of it or nothing. Throws ConfigError if it is another optimiser's. */
  restore(state: ReadonlyMap<string, Float32Array>): void {
    const contents = this.#savedBuffers().map((buffer) => {
      const data = state.get(buffer.label);
      if (data?.byteLength !== buffer.bytes) throw new ConfigError(`optimizer: the saved state has ${data?.byteLength ?? 0} bytes of "${buffer.label}", this one needs ${buffer.bytes}. It belongs to another model or optimiser.`);
      return [buffer, data] as const;
    });
    for (const [buffer, data] of contents) this.device.write(buffer, data);
  }

  /** Gives the optimiser's memory back. */
  dispose(): void {
    for (const buffer of [...this.#stateBuffers(), ...(this.#sums ?? []), this.table.buffer, this.scale.buffer, this.#hyper.buffer]) this.device.dispose(buffer);
  }

  protected abstract updateSegment(segment: Segment, buffers: SharedBuffers, params: StepParams, grid: Grid): void;

  protected abstract paramsFor(first: number, count: number): StepParams;

  #stateBuffers(): Buffer[] {
    return [this.counter.buffer, ...this.segments.flatMap(({ first, second }) => (second ? [first, second] : [first]))];
  }

  #savedBuffers(): Buffer[] {
    return this.#lossScale ? [...this.#stateBuffers(), this.#lossScale.state] : this.#stateBuffers();
  }

  /** A filter that was read as its f16 copy has the copy's gradient. */
  #gradientOf(parameter: Parameter, gradients: Gradients): Buffer {
    const gradient = gradients.get(parameter.tensor) ?? (parameter.half ? gradients.get(parameter.half) : undefined);
    if (!gradient) throw new ConfigError(`optimizer: ${parameter.path} is trainable but got no gradient. Freeze it, or use it in the loss.`);
    return gradient.buffer;
  }

  /** Decides what gradients are multiplied with, and whether at all; their norm, if it is limited. */
  #normOf(wholes: readonly Buffer[]): Tensor | null {
    const maxGradNorm = this.#maxGradNorm;
    if (this.#lossScale) {
      const segments = this.segments.map(({ firstChunk, chunks }, i) => ({ gradient: wholes[i] as Buffer, firstChunk, chunks }));
      const norm = this.#lossScale.judge({ table: this.table.buffer, segments, scale: this.scale.buffer, maxGradNorm });
      return maxGradNorm === undefined ? null : norm;
    }
    return maxGradNorm === undefined ? null : this.#clip(wholes, maxGradNorm);
  }

  #clip(wholes: readonly Buffer[], maxNorm: number): Tensor {
    const device = this.device;
    const scratch = (n: number, label: string) => device.alloc(4 * n, label);
    const partial = scratch(lanesOfNorm * this.#chunks, "partial norms");
    for (const [i, { firstChunk, chunks }] of this.segments.entries()) {
      const grid = flatGrid(lanesOfNorm * chunks, k.normChunk.overrides.WORKGROUP);
      device.dispatch(k.normChunk, { chunks: this.table.buffer, gradient: wholes[i] as Buffer, partial }, this.paramsFor(firstChunk, chunks), grid);
    }
    const merged = scratch(stripesOfNorm, "merged norms");
    device.dispatch(k.normMerge, { partials: partial, merged }, this.paramsFor(0, this.#chunks), [stripesOfNorm / 64, 1, 1]);
    const norm = new Tensor(device, scratch(1, "norm"), [1]);
    device.dispatch(k.normScale, { stripes: merged, norm: norm.buffer, clip: this.scale.buffer }, { ...this.paramsFor(0, 0), max_norm: maxNorm }, [1, 1, 1]);
    return norm;
  }
}

interface SharedBuffers {
  readonly chunks: Buffer;
  readonly hyper: Buffer;
  readonly scale: Buffer;
  readonly gradient: Buffer;
  readonly parameter: Buffer;
}

interface StepParams {
  readonly [name: string]: number;
  readonly first: number;
  readonly count: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly log_beta1: number;
  readonly log_beta2: number;
  readonly max_norm: number;
  readonly share: number;
}

export interface AdamOptions extends OptimizerOptions {
  readonly betas?: readonly [number, number];
  readonly eps?: number;
}

/** torch.optim.Adam: weight decay is added to the gradient. */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  readonly #decoupled: number;

  constructor(groups: readonly ParameterGroup[] | Iterable<Parameter>, { betas = [0.9, 0.999], eps = 1e-8, ...options }: AdamOptions, decoupled = false) {
    super(asGroups(groups), options, 2);
    this.#betas = betas;
    this.#eps = eps;
    this.#decoupled = decoupled ? 1 : 0;
  }

  protected override updateSegment({ parameters, first, second }: Segment, buffers: SharedBuffers, params: StepParams, grid: Grid): void {
    if (!second) throw new Error("internal: Adam keeps two moments.");
    // The gradient is read; the parameter and both moments are read and written.
    const n = elementsOf(parameters);
    this.device.dispatch(k.adam, { ...buffers, correction: this.counter.buffer, first_moment: first, second_moment: second }, params, grid, { overrides: { DECOUPLED: this.#decoupled }, flops: 12 * n, bytes: 7 * 4 * n });
  }

  protected override paramsFor(first: number, count: number): StepParams {
    const [beta1, beta2] = this.#betas;
    return { first, count, beta1, beta2, eps: this.#eps, log_beta1: Math.log(beta1), log_beta2: Math.log(beta2), max_norm: 0, share: 0 };
  }
}

/** torch.optim.AdamW: weight decay acts on the parameter itself. */
export class AdamW extends Adam {
  constructor(groups: readonly ParameterGroup[] | Iterable<Parameter>, { weightDecay = 0.01, ...options }: AdamOptions) {
    super(groups, { weightDecay, ...options }, true);
  }
}

export interface SgdOptions extends OptimizerOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

/** torch.optim.SGD with dampening 0. */
export class Sgd extends Optimizer {
  readonly #momentum: number;
  readonly #nesterov: number;

  constructor(groups: readonly ParameterGroup[] | Iterable<Parameter>, { momentum = 0, nesterov = false, ...options }: SgdOptions) {
    super(asGroups(groups), options, 1);
    this.#momentum = momentum;
    this.#nesterov = nesterov ? 1 : 0;
  }

  protected override updateSegment({ parameters, first }: Segment, buffers: SharedBuffers, params: StepParams, grid: Grid): void {
    const n = elementsOf(parameters);
    this.device.dispatch(k.sgd, { ...buffers, first_moment: first }, params, grid, { overrides: { NESTEROV: this.#nesterov }, flops: 6 * n, bytes: 5 * 4 * n });
  }

  protected override paramsFor(first: number, count: number): StepParams {
    return { first, count, beta1: this.#momentum, beta2: 0, eps: 0, log_beta1: 0, log_beta2: 0, max_norm: 0, share: 0 };
  }
}

const elementsOf = (parameters: readonly Parameter[]): number => parameters.reduce((sum, p) => sum + p.size, 0);

const foldedGrid = (chunks: number): Grid => (chunks <= maxGroups ? [chunks, 1, 1] : [maxGroups, Math.ceil(chunks / maxGroups), 1]);

function asGroups(groups: readonly ParameterGroup[] | Iterable<Parameter>): readonly ParameterGroup[] {
  const list = [...(groups as Iterable<ParameterGroup | Parameter>)];
  return list.every((g): g is ParameterGroup => "parameters" in g) ? list : [{ parameters: list as Parameter[] }];
}

/** Parameters by the buffer they live in, cut where their gradients would outgrow one binding. */
function segmentsOf(parameters: readonly Parameter[], device: Device): { parameters: Parameter[]; whole: Buffer; offsets: number[]; bytes: number }[] {
  const byWhole = new Map<Buffer, Parameter[]>();
  for (const parameter of parameters) {
    const whole = parameter.tensor.buffer.root.buffer;
    byWhole.set(whole, [...(byWhole.get(whole) ?? []), parameter]);
  }
  return [...byWhole].flatMap(([whole, members]) =>
    arenas(members.map((p) => 4 * p.size), device.maxBindingBytes).map(({ bytes, members: cut }) => ({
      whole, bytes, parameters: cut.map((m) => members[m.index] as Parameter), offsets: cut.map((m) => m.offset),
    })),
  );
}
