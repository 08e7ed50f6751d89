// One trial: a model fine-tuned on one task from one initialisation with one seed, validated after every epoch, the best
// weights tested. Every draw depends on the seed and the position alone, so a trial that was interrupted and resumed, or run
// again to look for a NaN, passes through the same bits.

import { CheckpointError, NonFiniteError, OutOfMemoryError, type StateDict, type TypedArray } from "@roentgen/core";
import { type Batch, batchCount, batches, classificationAugment, type Dataset, resizeTo, segmentationAugment, type Step as View } from "@roentgen/data";
import { type Buffer, type Device, firstNonFinite, readableBytes } from "@roentgen/gpu";
import { dispose, LossScale, memoryOf, Pass, type Schedule, stateDict } from "@roentgen/nn";
import { backward, imageToFloat, record, Ring, spec, type Step, type Tensor } from "@roentgen/tensor";
import { type AnyOptimizer, buildModel, buildOptimizer, buildSchedule, type Model } from "./build-model.ts";
import type { TaskConfig } from "./config.ts";
import { Evaluation, type Watcher } from "./evaluation.ts";
import type { Listener } from "./events.ts";
import { inputOf, inUnitRange, type LoadedInit } from "./inits.ts";
import { lossOf, targetOf } from "./losses.ts";
import { type LostLoss, NonFiniteLoss } from "./non-finite-loss.ts";
import type { EpochRecord, TrialResult } from "./results.ts";
import type { Progress, TrialState } from "./trial-state.ts";

export interface TrialSpec {
  readonly name: string;
  readonly taskName: string;
  readonly task: TaskConfig;
  readonly initName: string;
  readonly init: LoadedInit;
  readonly seed: number;
  readonly dataset: Dataset;
}

export interface TrialHooks extends Watcher {
  readonly listener: Listener;
  /** Aborted: stop after the step under way. */
  readonly signal: AbortSignal;
  /** Aborted: training ends after the step under way, and the best weights so far are tested. */
  readonly finish?: AbortSignal | undefined;
  /** Called now and then between steps, after each epoch, and when interrupted: a good moment to write `state()` down. */
  readonly checkpoint: (reason: "passing" | "interrupted") => Promise<void>;
}

export class Trial {
  readonly #device: Device;
  readonly #spec: TrialSpec;
  readonly #model: Model;
  readonly #pass: Pass<Model>;
  /** In mixed precision only. */
  readonly #lossScale: LossScale | undefined;
  readonly #optimizer: AnyOptimizer;
  readonly #schedule: Schedule;
  readonly #ring: Ring;
  readonly #train: Step<{ loss: Tensor }>;
  /** Moves the weights, where a batch comes in parts. */
  readonly #update: Step<unknown> | null;
  readonly #evaluation: Evaluation;
  readonly #memory: readonly Buffer[];
  /** Of a training step that keeps everything. */
  readonly #plainBytes: number;
  #best: Float32Array[] = [];
  #epoch = 0;
  #step = 0;
  #losses: number[] = [];
  #epochs: EpochRecord[] = [];
  #bestEpoch = -1;
  #bestLoss = Infinity;
  #badEpochs = 0;
  #secondsBefore = 0;
  #started = performance.now();

  constructor(device: Device, trial: TrialSpec) {
    this.#device = device;
    this.#spec = trial;
    const { task, init, seed } = trial;
    this.#model = buildModel(device, task.model, this.#classes, init, seed, trial.initName);
    try {
      this.#pass = new Pass(this.#model, task.precision);
      this.#lossScale = task.precision === "mixed" ? new LossScale(device) : undefined;
      this.#optimizer = buildOptimizer(this.#model, task, this.#lossScale);
      this.#schedule = buildSchedule(task);
      this.#ring = new Ring(device, 64 * task.accumulate);
      this.#memory = memoryOf(this.#model);
      this.#model.eval();
      this.#evaluation = new Evaluation(device, trial, this.#pass);
      this.#model.train();
      this.#train = this.#recordTraining();
      const free = device.freeBytes - this.#evaluation.bytes;
      this.#plainBytes = this.#train.plan.bytes;
      if (this.#plainBytes > free) {
        this.#model.checkpoint();
        const again = this.#recordTraining();
        this.#train.dispose();
        this.#train = again;
        this.#requireMemory(free);
      }
      this.#update = task.accumulate > 1 ? record(device, "update", () => this.#optimizer.update(), []) : null;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** @param free  what evaluation leaves */
  #requireMemory(free: number): void {
    const { name, task } = this.#spec;
    const needed = this.#train.plan.bytes;
    if (needed <= free) return;
    throw new OutOfMemoryError(`${name}: with gradient checkpointing a training step needs ${readableBytes(needed)}, beside ${readableBytes(this.#evaluation.bytes)} of evaluation; the budget leaves ${readableBytes(Math.max(0, free))} for it. Use ${lessMemory(task).join(", ")}, or a larger budget.`);
  }

  #recordTraining(): Step<{ loss: Tensor }> {
    const { task, dataset, init } = this.#spec;
    const part = task.batch / task.accumulate;
    const target = dataset.task.kind === "multiclass" ? spec("u32", [part]) : spec("f32", [part, ...(dataset.task.kind === "mask" ? [task.size, task.size, 1] : [this.#classes])]);
    return record(this.#device, "train", (x, y) => {
      const loss = lossOf(this.#pass.forward(imageToFloat(x, inUnitRange(inputOf(init)))), y, task);
      const gradients = backward(loss, this.#lossScale?.factor);
      if (task.accumulate > 1) this.#optimizer.accumulate(gradients, task.accumulate);
      else this.#optimizer.step(gradients);
      this.#ring.push(loss);
      return { loss };
    }, [spec("u8", [part, task.size, task.size, 3]), target]);
  }

  /** What a training step needs beside the weights, and whether it forgets and recomputes to need no more. */
  get training(): { readonly bytes: number; readonly checkpointing: boolean; readonly bytesWithout: number } {
    return { bytes: this.#train.plan.bytes, checkpointing: this.#model.checkpointing, bytesWithout: this.#plainBytes };
  }

  get name(): string {
    return this.#spec.name;
  }

  get stepsPerEpoch(): number {
    return batchCount(this.#spec.dataset, "train", { batch: this.#spec.task.batch, dropLast: true });
  }

  /** Steps done so far, over all epochs. */
  get stepsDone(): number {
    return this.#epoch * this.stepsPerEpoch + this.#step;
  }

  get #classes(): number {
    return this.#spec.dataset.task.classes.length;
  }

  /** Compiles all plans. */
  async build(onProgress: (done: number, total: number) => void = () => undefined): Promise<void> {
    for (const step of [this.#train, this.#evaluation, this.#update]) await step?.build(onProgress);
  }

  /** One optimiser step. */
  #trainOn(batch: Batch): void {
    for (const part of this.#partsOf(batch)) this.#train.run(...part);
    this.#update?.run();
  }

  /** A batch's images and targets, cut as the training plan takes them. */
  #partsOf(batch: Batch): (readonly [TypedArray, TypedArray])[] {
    const parts = this.#spec.task.accumulate;
    const cut = <T extends TypedArray>(data: T, i: number) => data.subarray((i * data.length) / parts, ((i + 1) * data.length) / parts) as T;
    return Array.from({ length: parts }, (_, i) => [cut(batch.images, i), cut(targetOf(batch), i)] as const);
  }

  /** Trains to the end and tests the best weights; null if interrupted. Throws NonFiniteLoss, or NonFiniteError for a validation loss. */
  async run(hooks: TrialHooks): Promise<TrialResult | null> {
    const { task } = this.#spec;
    const { signal, finish } = hooks;
    while (this.#epoch < task.epochs && this.#badEpochs <= task.patience && !finish?.aborted) {
      const complete = await this.#trainEpoch(hooks);
      if (!complete && !signal.aborted) break;
      await hooks.checkpoint(complete ? "passing" : "interrupted");
      if (!complete) return null;
    }
    const [steps, planned] = [this.#losses.length, task.epochs * this.stepsPerEpoch];
    const stopped = finish?.aborted && steps < planned ? { planned, stepsPerEpoch: this.stepsPerEpoch } : null;
    return { ...(await this.#test(hooks)), ...(stopped ? { stopped } : {}) };
  }

  /** One epoch and its validation; false if interrupted. */
  async #trainEpoch(hooks: TrialHooks): Promise<boolean> {
    const { listener, signal, finish } = hooks;
    const { task, name } = this.#spec;
    const epoch = this.#epoch;
    const rate = this.#schedule.rate(epoch);
    this.#optimizer.rate = rate;
    const began = performance.now();
    const firstStep = this.#step;
    // Steps queued between two looks at the losses: as many as take about a third of a second, beginning with one, so that a slow
    // device is not silent for long and a fast one does not wait for us.
    let burst = 1;
    let unread = 0;
    let lastRead = began;
    for (const batch of this.#batches(epoch, this.#step)) {
      if (signal.aborted || finish?.aborted) break;
      this.#trainOn(batch);
      this.#step++;
      unread++;
      const isLast = this.#step === this.stepsPerEpoch;
      if (!isLast && unread < burst) continue;
      await this.#readLosses();
      const now = performance.now();
      burst = Math.min(this.#ring.size / task.accumulate, Math.max(1, Math.round((333 * unread) / (now - lastRead))));
      const imagesPerSecond = (unread * task.batch * 1000) / (now - lastRead);
      unread = 0;
      listener({ kind: "step", trial: name, epoch, step: this.#step, stepsPerEpoch: this.stepsPerEpoch, loss: this.#losses.at(-1) ?? NaN, imagesPerSecond, secondsLeft: null });
      if (!isLast) await hooks.checkpoint("passing");
      lastRead = performance.now();
    }
    if (unread > 0) await this.#readLosses();
    if (this.#step < this.stepsPerEpoch) return false;
    await this.#endEpoch(hooks, rate, { began, steps: this.stepsPerEpoch - firstStep });
    return true;
  }

  /** Validates, keeps the weights if they are the best, and writes the epoch down. */
  async #endEpoch(hooks: TrialHooks, rate: number, { began, steps }: { began: number; steps: number }): Promise<void> {
    const { task, name } = this.#spec;
    const epoch = this.#epoch;
    const trainSeconds = (performance.now() - began) / 1000;
    const validationLoss = await this.#evaluation.validate(hooks);
    if (!Number.isFinite(validationLoss)) {
      const inMixed = task.precision === "mixed" ? " or train in f32" : "";
      throw new NonFiniteError(`${name}: the validation loss of epoch ${epoch + 1} is ${validationLoss}, though no training loss was. Lower the learning rate (${rate})${inMixed}; a study file can also set optimizer.maxGradNorm.`);
    }
    this.#schedule.observe(validationLoss);
    const isBest = validationLoss < this.#bestLoss;
    if (isBest) [this.#bestLoss, this.#bestEpoch, this.#badEpochs, this.#best] = [validationLoss, epoch, 0, await this.#readMemory()];
    else this.#badEpochs++;
    const trainLoss = mean(this.#losses.slice(-this.stepsPerEpoch));
    const record = { epoch, rate, trainLoss, validationLoss, seconds: (performance.now() - began) / 1000, imagesPerSecond: (steps * task.batch) / Math.max(trainSeconds, 1e-9) };
    this.#epochs.push(record);
    [this.#epoch, this.#step] = [epoch + 1, 0];
    hooks.listener({ kind: "epoch", trial: name, record, isBest });
  }

  async #readLosses(): Promise<void> {
    const parts = this.#spec.task.accumulate;
    const read = await this.#ring.read();
    for (let at = 0; at < read.length; at += parts) {
      const loss = mean([...read.subarray(at, at + parts)]);
      if (!Number.isFinite(loss)) throw new NonFiniteLoss({ trial: this.name, loss, step: this.#losses.length, epochs: this.#epochs, rate: this.#optimizer.rate });
      this.#losses.push(loss);
    }
  }

  /**
   * Runs a fresh trial up to the step whose loss was not finite in another run of it.
   * @returns the label of the first dispatch that wrote such a value; null if none did, or if `signal` ended the search
   */
  async findNonFinite({ step, epochs }: LostLoss, signal: AbortSignal): Promise<string | null> {
    for (let epoch = 0; epoch <= epochs.length; epoch++) {
      this.#optimizer.rate = epochs[epoch]?.rate ?? this.#schedule.rate(epoch);
      for (const batch of this.#batches(epoch)) {
        if (signal.aborted) return null;
        if (epoch * this.stepsPerEpoch + batch.index === step) return this.#firstNonFinite(batch);
        this.#trainOn(batch);
        // Work that is queued cannot be interrupted.
        if (batch.index % 16 === 15) await this.#device.idle();
      }
      await this.#device.idle();
      const validationLoss = epochs[epoch]?.validationLoss;
      if (validationLoss !== undefined) this.#schedule.observe(validationLoss);
    }
    return null;
  }

  async #firstNonFinite(batch: Batch): Promise<string | null> {
    for (const part of this.#partsOf(batch)) {
      const found = await firstNonFinite(this.#device, this.#train.plan, part);
      if (found) return found;
    }
    return this.#update && firstNonFinite(this.#device, this.#update.plan, []);
  }

  /** Training batches of an epoch, in the order and as the seed draws them. */
  #batches(epoch: number, start = 0): Iterable<Batch> {
    const { dataset, task, seed } = this.#spec;
    return batches(dataset, "train", { batch: task.batch, size: task.size, seed, epoch, start, augment: augmentOf(task), shuffle: true, dropLast: true });
  }

  async #test(hooks: TrialHooks): Promise<TrialResult> {
    const { name, taskName, initName, seed } = this.#spec;
    this.#writeMemory(this.#best);
    const tested = await this.#evaluation.test(hooks);
    return {
      name, task: taskName, init: initName, seed, epochs: this.#epochs, bestEpoch: this.#bestEpoch, steps: this.#losses.length,
      losses: this.#losses, model: null, seconds: this.#seconds, memory: { trainingBytes: this.training.bytes, checkpointing: this.training.checkpointing }, ...tested,
      headline: tested.scores.kind === "classification" ? tested.scores.meanAuc : tested.scores.dicePooled,
    };
  }

  get #seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#started) / 1000;
  }

  #readMemory(): Promise<Float32Array[]> {
    return Promise.all(this.#memory.map(async (whole) => new Float32Array(await this.#device.read(whole))));
  }

  #writeMemory(contents: readonly Float32Array[]): void {
    for (const [i, whole] of this.#memory.entries()) if (contents[i]) this.#device.write(whole, contents[i]);
  }

  /** All there is to go on from. */
  async state(): Promise<TrialState> {
    const memory = new Map<string, Float32Array>();
    for (const [i, data] of (await this.#readMemory()).entries()) memory.set(`model.${i}`, data);
    for (const [i, data] of this.#best.entries()) memory.set(`best.${i}`, data);
    for (const [name, data] of await this.#optimizer.state()) memory.set(`optimizer.${name}`, data);
    const progress: Progress = {
      epoch: this.#epoch, step: this.#step, losses: this.#losses, epochs: this.#epochs, bestEpoch: this.#bestEpoch,
      bestLoss: this.#bestLoss === Infinity ? null : this.#bestLoss, badEpochs: this.#badEpochs, schedule: this.#schedule.state, seconds: this.#seconds,
    };
    return { progress, memory };
  }

  /** Goes back to a state this trial, in this process or an earlier one, was in. Throws CheckpointError if it is no state of this model. */
  restore({ progress, memory }: TrialState): void {
    const wholes = (prefix: string): Float32Array[] => this.#memory.map((whole, i) => {
      const data = memory.get(`${prefix}.${i}`);
      if (data?.byteLength !== whole.bytes) throw new CheckpointError(`trial state: ${prefix}.${i} has ${data?.byteLength ?? 0} bytes, the model has ${whole.bytes}. It was written by another version.`);
      return data;
    });
    const [model, best] = [wholes("model"), progress.bestEpoch < 0 ? [] : wholes("best").map((data) => data.slice())];
    try {
      this.#optimizer.restore(new Map([...memory].filter(([name]) => name.startsWith("optimizer.")).map(([name, data]) => [name.slice("optimizer.".length), data])));
    } catch (error) {
      throw new CheckpointError(`trial state: ${error instanceof Error ? error.message : error}`);
    }
    this.#writeMemory(model);
    this.#best = best;
    this.#schedule.restore(progress.schedule);
    [this.#epoch, this.#step] = [progress.epoch, progress.step];
    [this.#losses, this.#epochs] = [[...progress.losses], [...progress.epochs]];
    [this.#bestEpoch, this.#bestLoss, this.#badEpochs] = [progress.bestEpoch, progress.bestLoss ?? Infinity, progress.badEpochs];
    [this.#secondsBefore, this.#started] = [progress.seconds, performance.now()];
  }

  /** The model's tensors in checkpoint names: after `run`, the best ones. */
  stateDict(): Promise<StateDict> {
    return stateDict(this.#model);
  }

  /** Gives everything back; of a trial that could not be made, what there is of it. */
  dispose(): void {
    for (const owned of [this.#train, this.#update, this.#evaluation, this.#optimizer, this.#ring, this.#lossScale, this.#pass] as (undefined | null | { dispose(): void })[]) owned?.dispose();
    dispose(this.#model);
  }
}

/** What of a task takes less memory, in words. */
export function lessMemory({ batch, size, accumulate, precision, evaluationBatch = batch }: TaskConfig): string[] {
  const parts = Array.from({ length: batch }, (_, i) => i + 1).find((n) => n > accumulate && batch % n === 0);
  return [
    `a smaller batch (${batch}) or size (${size})`,
    ...(parts === undefined ? [] : [`accumulate: ${parts}`]),
    ...(evaluationBatch > 1 ? [`evaluationBatch: ${Math.floor(evaluationBatch / 2)}`] : []),
    ...(precision === "mixed" ? [] : ["precision: mixed"]),
  ];
}

function augmentOf({ augment, size }: TaskConfig): View {
  if (augment === "none") return resizeTo(size);
  return augment === "segmentation" ? segmentationAugment(size) : classificationAugment(size, augment);
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
