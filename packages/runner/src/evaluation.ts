// What a model makes of images that it does not learn from: the loss over the validation split, and at the end the scores of the test split.

import { type Batch, batches, resizeTo, type SplitName, type Step as View, TEN, tenCropView } from "@roentgen/data";
import type { Device } from "@roentgen/gpu";
import { OverlapMeter } from "@roentgen/metrics";
import type { Pass } from "@roentgen/nn";
import type { Model } from "./build-model.ts";
import { Forward } from "./forward.ts";
import { inputOf, inUnitRange } from "./inits.ts";
import { hostLoss, targetOf } from "./losses.ts";
import { maskExample } from "./mask-example.ts";
import { predictedImages, type Predictions, spread } from "./predictions.ts";
import type { MaskExample, Scores, TrialResult } from "./results.ts";
import { classificationScores, probabilitiesOf, segmentationScores } from "./scores.ts";
import type { TrialSpec } from "./trial.ts";

/** Masks drawn in the report, from test images all over the split. */
const exampleCount = 6;
/** Validation images that a watcher is shown after each epoch. */
const shownCount = 12;

export interface Watcher {
  /** Told what the model says of images, as it says it. */
  readonly predictions?: ((predictions: Predictions) => void) | undefined;
}

/** Scores of the test split, and what a report shows beside them. */
export type Tested = Pick<TrialResult, "predictions" | "examples"> & { readonly scores: Scores };

export class Evaluation {
  readonly #trial: TrialSpec;
  readonly #batch: number;
  readonly #forward: Forward;

  /** Records the forward pass of a model in evaluation mode. */
  constructor(device: Device, trial: TrialSpec, pass: Pass<Model>) {
    const { task, init } = trial;
    this.#trial = trial;
    this.#batch = task.evaluationBatch ?? task.batch;
    this.#forward = new Forward(device, pass, { batch: this.#batch, size: task.size, input: inUnitRange(inputOf(init)) });
  }

  /** What it holds on the device. */
  get bytes(): number {
    return this.#forward.bytes;
  }

  build(onProgress: (done: number, total: number) => void): Promise<void> {
    return this.#forward.build(onProgress);
  }

  dispose(): void {
    this.#forward.dispose();
  }

  /** Mean over images of the batches' losses, each batch weighted by its size. */
  async validate(watcher: Watcher): Promise<number> {
    let [total, images] = [0, 0];
    const shown = spread(this.#trial.dataset.split("val").length, shownCount);
    for await (const { batch, logits } of this.#evaluated("val")) {
      total += batch.count * hostLoss(logits, targetOf(batch), batch.count, logits.length / this.#batch, this.#trial.task);
      images += batch.count;
      this.#show(watcher, "val", batch, logits, (i) => shown.has(i));
    }
    return total / images;
  }

  /** Scores the test split with the weights as they are. */
  test(watcher: Watcher): Promise<Tested> {
    return this.#trial.dataset.task.kind === "mask" ? this.#testMasks(watcher) : this.#testClasses(watcher);
  }

  async #testClasses(watcher: Watcher): Promise<Tested> {
    const { dataset, task } = this.#trial;
    const { kind, classes } = dataset.task;
    const samples = dataset.split("test");
    const sums = new Float64Array(samples.length * classes.length);
    const views = task.tenCrop ? Array.from({ length: TEN }, (_, k) => tenCropView(task.size, k)) : [resizeTo(task.size)];
    for (const view of views) {
      for await (const { batch, logits } of this.#evaluated("test", view)) {
        if (view === views[0]) this.#show(watcher, "test", batch, logits);
        const probabilities = probabilitiesOf(logits.subarray(0, batch.count * classes.length), classes.length, kind === "multiclass");
        for (const [row, index] of batch.indices.entries()) {
          for (let c = 0; c < classes.length; c++) sums[index * classes.length + c] = (sums[index * classes.length + c] ?? 0) + (probabilities[row * classes.length + c] ?? NaN) / views.length;
        }
      }
    }
    const labels = samples.map((s) => s.labels);
    return {
      scores: classificationScores(sums, labels, classes, kind === "multiclass"),
      predictions: { files: samples.map((s) => s.file), labels, probabilities: samples.map((_, i) => Array.from(sums.subarray(i * classes.length, (i + 1) * classes.length))) },
      examples: [],
    };
  }

  async #testMasks(watcher: Watcher): Promise<Tested> {
    const { dataset, task } = this.#trial;
    const samples = dataset.split("test");
    const chosen = spread(samples.length, exampleCount);
    const meter = new OverlapMeter();
    const examples: MaskExample[] = [];
    const pixels = task.size * task.size;
    for await (const { batch, logits } of this.#evaluated("test")) {
      this.#show(watcher, "test", batch, logits);
      const probabilities = probabilitiesOf(logits, 1, false);
      for (const [row, index] of batch.indices.entries()) {
        const prediction = probabilities.subarray(row * pixels, (row + 1) * pixels);
        const truth = (batch.masks ?? new Float32Array()).subarray(row * pixels, (row + 1) * pixels);
        const { dice } = meter.add(prediction, truth);
        const image = batch.images.subarray(3 * row * pixels, 3 * (row + 1) * pixels);
        if (chosen.has(index)) examples.push(maskExample(samples[index]?.file ?? "", task.size, { image, truth, prediction, dice }));
      }
    }
    return { scores: segmentationScores(meter), predictions: null, examples };
  }

  #show({ predictions }: Watcher, split: Predictions["split"], batch: Batch, logits: Float32Array, wanted: (index: number) => boolean = () => true): void {
    if (!predictions) return;
    const { name, dataset, task: { size } } = this.#trial;
    const { kind, classes } = dataset.task;
    const images = predictedImages(batch, logits, dataset.split(split), kind, size, wanted);
    if (images.length > 0) predictions({ trial: name, split, kind, classes, size, images });
  }

  /** A split's batches with their logits. */
  #evaluated(split: SplitName, view: View = resizeTo(this.#trial.task.size)): AsyncGenerator<{ batch: Batch; logits: Float32Array }, void, undefined> {
    const { dataset, task, seed } = this.#trial;
    return this.#forward.logitsOf(batches(dataset, split, { batch: this.#batch, size: task.size, seed, augment: view }));
  }
}
