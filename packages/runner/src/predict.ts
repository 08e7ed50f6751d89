// A kept model applied to images that nobody has labelled: the forward pass that tested it, on whatever images come.

import { type Image, type Mask, resizeBilinear, resizeMap, RGB, type TaskKind } from "@roentgen/data";
import { NonFiniteError, OutOfMemoryError } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { argmaxRows } from "@roentgen/metrics";
import { dispose, loadStateDict, materialize, Pass } from "@roentgen/nn";
import { type Model, networkOf } from "./build-model.ts";
import { Forward } from "./forward.ts";
import type { KeptModel } from "./kept-model.ts";
import { probabilitiesOf } from "./scores.ts";

export interface NamedImage {
  readonly file: string;
  readonly image: Image;
}

/** What the model says of an image. */
export interface Prediction {
  readonly file: string;
  /** Of the image as it came. */
  readonly width: number;
  readonly height: number;
  /** u8[size, size, 3], as the model saw it; part of a larger array. */
  readonly image: Uint8Array;
  /** Of each class; of each pixel, f64[size, size], where the task is a mask. */
  readonly probabilities: Float64Array;
}

/** Of input: what no device could take in one piece is refused before it is made. */
const mostBatchBytes = 2 ** 30;

/**
 * A kept model on a device, ready for images. Images are resized and normalised as the study's test images were, and the numbers
 * are the same bits as the study's for the same image, batch size, adapter and kernels; its ten crops are the one exception.
 */
export class Predictor {
  readonly #model: Model;
  readonly #pass: Pass<Model>;
  readonly #forward: Forward;

  /**
   * @param batch  images of a pass; default: as many as when the model was tested
   * @throws CheckpointError if the tensors are not those of the network that the file names
   */
  constructor(device: Device, readonly kept: KeptModel, readonly batch: number = kept.facts.batch) {
    const { facts: { network, task, size, precision, input }, tensors, name } = kept;
    if (batch * size * size * RGB > mostBatchBytes) throw new OutOfMemoryError(`${name}: ${batch} images of ${size} x ${size} at a time are more than ${mostBatchBytes} bytes. Take a smaller batch.`);
    this.#model = materialize(networkOf(network, task.classes.length), device, { seed: 0, except: (path) => tensors.has(path) });
    try {
      loadStateDict(this.#model, tensors, { source: name });
      this.#model.eval();
      this.#pass = new Pass(this.#model, precision);
      this.#forward = new Forward(device, this.#pass, { batch, size, input });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  build(onProgress: (done: number, total: number) => void = () => undefined): Promise<void> {
    return this.#forward.build(onProgress);
  }

  /**
   * What the model says, in the order of the images.
   *
   * @param unanswered  told of an image for which that is no number, which is left out; without it such an image is a NonFiniteError
   */
  async *predict(images: Iterable<NamedImage> | AsyncIterable<NamedImage>, unanswered: (file: string, reason: string) => void = refuse): AsyncGenerator<Prediction, void, undefined> {
    const { name, facts: { task, size, precision } } = this.kept;
    const pixels = size * size * RGB;
    for await (const { batch, logits } of this.#forward.logitsOf(batchesOf(images, this.batch, size))) {
      const perRow = logits.length / this.batch;
      for (const [row, { file, width, height }] of batch.facts.entries()) {
        const mine = logits.subarray(row * perRow, (row + 1) * perRow);
        const wrong = mine.find((logit) => !Number.isFinite(logit));
        if (wrong !== undefined) {
          unanswered(file, `${file}: ${name} answers with ${wrong}: ${precision === "mixed" ? "some value is beyond f16, in which it computes, or " : ""}its weights are no result of training.`);
          continue;
        }
        yield { file, width, height, image: batch.images.subarray(row * pixels, (row + 1) * pixels), probabilities: probabilitiesOf(mine, perRow, task.kind === "multiclass") };
      }
    }
  }

  /** Gives everything back; of one that could not be made, what there is of it. */
  dispose(): void {
    for (const owned of [this.#forward, this.#pass] as (undefined | { dispose(): void })[]) owned?.dispose();
    dispose(this.#model);
  }
}

function refuse(_file: string, reason: string): never {
  throw new NonFiniteError(reason);
}

interface PredictedBatch {
  /** u8[batch, size, size, 3]; rows without a name are black. */
  readonly images: Uint8Array;
  readonly facts: readonly { readonly file: string; readonly width: number; readonly height: number }[];
}

/** Images as a recorded pass takes them: stretched to `size`, the last batch filled up as in evaluation. */
async function* batchesOf(images: Iterable<NamedImage> | AsyncIterable<NamedImage>, batch: number, size: number): AsyncGenerator<PredictedBatch, void, undefined> {
  const pixels = size * size * RGB;
  let rows = new Uint8Array(batch * pixels);
  let facts: { file: string; width: number; height: number }[] = [];
  for await (const { file, image } of images) {
    rows.set(resizeBilinear(image, size, size).data, facts.length * pixels);
    facts.push({ file, width: image.width, height: image.height });
    if (facts.length < batch) continue;
    yield { images: rows, facts };
    [rows, facts] = [new Uint8Array(batch * pixels), []];
  }
  if (facts.length > 0) yield { images: rows, facts };
}

/** The classes that probabilities speak for: the likeliest of several that exclude each other, else all above one half. */
export function predictedClasses({ kind, classes }: { readonly kind: TaskKind; readonly classes: readonly string[] }, probabilities: Float64Array): string[] {
  const likeliest = kind === "multiclass" ? argmaxRows(probabilities, classes.length)[0] : undefined;
  return classes.filter((_, c) => (likeliest === undefined ? (probabilities[c] ?? 0) > 0.5 : c === likeliest));
}

/** The predicted mask in the size of the image as it came: probabilities resized (bilinear), then above one half. */
export function maskOf({ width, height, probabilities }: Pick<Prediction, "width" | "height" | "probabilities">): Mask {
  const size = Math.sqrt(probabilities.length);
  const { data } = resizeMap({ width: size, height: size, data: probabilities }, width, height);
  const marked = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) marked[i] = Number((data[i] ?? 0) > 0.5); // sixteen million of an image of 4096 x 4096
  return { width, height, data: marked };
}

/** The share of a mask's pixels that it marks. */
export const shareOf = ({ data }: Mask): number => data.reduce((sum, v) => sum + v, 0) / data.length;
