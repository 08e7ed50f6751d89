import type { Batch, Sample, TaskKind } from "@roentgen/data";
import { probabilitiesOf } from "./scores.ts";

/** What the model says of some images while a study runs, for a page to draw. Reports do not depend on it. */
export interface Predictions {
  readonly trial: string;
  /** A few validation images after each epoch, at the end all test images, batch by batch. */
  readonly split: "val" | "test";
  readonly kind: TaskKind;
  readonly classes: readonly string[];
  /** Height and width of the images and masks. */
  readonly size: number;
  readonly images: readonly PredictedImage[];
}

export interface PredictedImage {
  readonly file: string;
  /** u8[size, size, 3], as the model saw it. */
  readonly image: Uint8Array;
  /** Of each class, or of each pixel (f32[size, size]). */
  readonly probabilities: Float32Array;
  /** The truth: a class index, or 0 and 1 for each class; empty for masks, and where nobody knows it. */
  readonly labels: readonly number[];
  /** The true mask, f32[size, size] of 0 and 1; null for classes, and where nobody knows it. */
  readonly mask: Float32Array | null;
}

/** The images of a batch that `wanted` accepts (by place in their split), with predictions from read-back logits. */
export function predictedImages(batch: Batch, logits: Float32Array, samples: readonly Sample[], kind: TaskKind, size: number, wanted: (index: number) => boolean): PredictedImage[] {
  const pixels = size * size;
  const perRow = kind === "mask" ? pixels : logits.length / (batch.images.length / (3 * pixels));
  return batch.indices.flatMap((index, row): PredictedImage[] => {
    const sample = samples[index];
    if (!sample || !wanted(index)) return [];
    return [{
      file: sample.file, labels: sample.labels,
      image: batch.images.slice(3 * row * pixels, 3 * (row + 1) * pixels),
      probabilities: Float32Array.from(probabilitiesOf(logits.subarray(row * perRow, (row + 1) * perRow), perRow, kind === "multiclass")),
      mask: batch.masks?.slice(row * pixels, (row + 1) * pixels) ?? null,
    }];
  });
}

/** `count` places of `n`, evenly spaced; all of them if there are fewer. */
export const spread = (n: number, count: number): ReadonlySet<number> => new Set(Array.from({ length: Math.min(n, count) }, (_, i) => Math.floor(((i + 0.5) * n) / Math.min(n, count))));
