// Samples to arrays a recorded plan can take: always `batch` images of `size` x `size`. Every draw depends on (seed, epoch, sample)
// and never on what was drawn before, so a run that starts again in the middle of an epoch sees the same bits.

import { DataError, Rng } from "@roentgen/core";

import type { Dataset, Sample } from "./dataset.ts";
import { RGB, type View } from "./image.ts";
import type { SplitName } from "./listing.ts";
import { resizeTo, type Step } from "./step.ts";

/** How to cut a split into batches. */
export interface BatchOptions {
  /** Images in each batch. */
  readonly batch: number;
  /** Side of the images, in pixels. */
  readonly size: number;
  readonly seed: number;
  /** Counts from 0; decides shuffle and augmentation together with the seed. */
  readonly epoch?: number;
  readonly shuffle?: boolean;
  /** Makes a view of `size` x `size`, with a generator of its own for each sample. Default: the whole image, resized. */
  readonly augment?: Step;
  /** Leave out the last, short batch (training). Otherwise it is padded (evaluation). */
  readonly dropLast?: boolean;
  /** The first batch to give, to go on in the middle of an epoch. */
  readonly start?: number;
}

/** What a step reads. Rows from `count` on are padding: black images, label 0, empty masks. */
export interface Batch {
  /** Position in the epoch, from 0. */
  readonly index: number;
  /** u8[batch, size, size, 3]. */
  readonly images: Uint8Array;
  /** multiclass: u32[batch], class indices. binary: f32[batch, 1]. multilabel: f32[batch, classes]. mask: undefined. */
  readonly labels: Uint32Array | Float32Array | undefined;
  /** mask: f32[batch, size, size, 1] of 0 and 1. Otherwise undefined. */
  readonly masks: Float32Array | undefined;
  /** Real rows, 1 to batch. */
  readonly count: number;
  /** Position of each real row in `dataset.split(split)`. */
  readonly indices: readonly number[];
}

/** How many batches an epoch has, those before `start` included. */
export function batchCount(dataset: Dataset, split: SplitName, { batch, dropLast = false }: Pick<BatchOptions, "batch" | "dropLast">): number {
  const n = dataset.split(split).length / batch;
  return dropLast ? Math.floor(n) : Math.ceil(n);
}

/** The order an epoch takes a split of `n` samples in: 0..n-1, or a permutation from seed and epoch. */
export const epochOrder = (n: number, { seed, epoch = 0, shuffle = false }: Pick<BatchOptions, "seed" | "epoch" | "shuffle">): number[] => {
  const inOrder = Array.from({ length: n }, (_, i) => i);
  return shuffle ? Rng.for(seed, "shuffle", epoch).shuffle(inOrder) : inOrder;
};

/**
 * The batches of one epoch, one after another, each in arrays of its own. Sample i of the split draws its augmentation from
 * `Rng.for(seed, "augment", epoch, i)`.
 *
 * Throws DataError for an empty split, sizes that are no positive integers, a split shorter than one batch with `dropLast`, and
 * an augmentation that gives another size.
 */
export function* batches(dataset: Dataset, split: SplitName, options: BatchOptions): Generator<Batch, void, undefined> {
  const { batch, size, seed, epoch = 0, augment = resizeTo(size), dropLast = false, start = 0 } = options;
  const who = `${dataset.name}/${split}`;
  for (const [name, value, least] of [["batch", batch, 1], ["size", size, 1], ["epoch", epoch, 0], ["start", start, 0]] as const) {
    if (!Number.isInteger(value) || value < least) throw new DataError(`${who}: ${name} is an integer of at least ${least}, got ${value}.`);
  }
  const samples = dataset.split(split);
  if (samples.length === 0) throw new DataError(`${who}: the split has no samples. Look at "split" in the list.`);
  const total = batchCount(dataset, split, { batch, dropLast });
  if (total === 0) throw new DataError(`${who}: ${samples.length} samples make no batch of ${batch}. Take a smaller batch, or leave dropLast out.`);

  const order = epochOrder(samples.length, options);
  for (let index = start; index < total; index++) {
    const indices = order.slice(index * batch, (index + 1) * batch);
    const out = empty(dataset, batch, size);
    indices.forEach((i, row) => {
      const sample = samples[i];
      if (!sample) throw new Error(`internal: sample ${i} of ${samples.length} in ${who}`);
      const view = augment({ image: sample.image, mask: sample.mask }, Rng.for(seed, "augment", epoch, i));
      if (view.image.width !== size || view.image.height !== size) {
        throw new DataError(`${who}: augment made ${view.image.width}x${view.image.height} of ${sample.file}, the batch takes ${size}x${size}. End it with resizeTo(${size}).`);
      }
      fill(out, row, sample, view, dataset.task.classes.length);
    });
    yield { index, ...out, count: indices.length, indices };
  }
}

type Arrays = Pick<Batch, "images" | "labels" | "masks">;

function empty(dataset: Dataset, batch: number, size: number): Arrays {
  const images = new Uint8Array(batch * size * size * RGB);
  const { kind, classes } = dataset.task;
  switch (kind) {
    case "multiclass":
      return { images, labels: new Uint32Array(batch), masks: undefined };
    case "binary":
    case "multilabel":
      return { images, labels: new Float32Array(batch * classes.length), masks: undefined };
    case "mask":
      return { images, labels: undefined, masks: new Float32Array(batch * size * size) };
    default:
      return kind satisfies never;
  }
}

function fill(out: Arrays, row: number, sample: Sample, view: View, classes: number): void {
  out.images.set(view.image.data, row * view.image.data.length);
  if (out.masks && view.mask) out.masks.set(view.mask.data, row * view.mask.data.length);
  out.labels?.set(sample.labels, row * (out.labels instanceof Uint32Array ? 1 : classes));
}
