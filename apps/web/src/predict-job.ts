// What the worker does for the panel "Use a model": one that a study kept, in this tab or elsewhere, on images of the visitor's.

import { DataError } from "@roentgen/core";
import { decodeRgb, encodeMask } from "@roentgen/data";
import { openDevice } from "@roentgen/gpu/browser";
import { type KeptModel, keptModelTitle, maskOf, mostModelBytes, type NamedImage, parseKeptModel, type PredictedRow, predictedClasses, type Predictions, Predictor, predictionsCsv, shareOf } from "@roentgen/runner";
import { tuningIdentity, useTuning, winnersOf } from "@roentgen/tensor";
import { type AsyncZippable, zip } from "fflate";
import type { MadeFile } from "./job.ts";
import { readTuning } from "./tuning.ts";

export interface NamedFile {
  readonly path: string;
  readonly file: File;
}

export interface PredictWatcher {
  readonly progress: (stage: "compile" | "predict", done: number, total: number) => void;
  /** Told of the first images, one after another, to be drawn. Awaited: what is said by another way might come after the end. */
  readonly shown: (shown: Pick<Predictions, "kind" | "classes" | "size" | "images">) => void | Promise<void>;
}

export interface Predicted {
  /** predictions.csv; masks.zip with the masks that were drawn, each in its image's size. */
  readonly files: readonly MadeFile[];
  readonly images: number;
  /** Why an image was left out. */
  readonly skipped: readonly string[];
}

const mostImageBytes = 64 * 2 ** 20;

/** A line that says what a model file holds. Throws CheckpointError where it is none that a study kept. */
export const modelTitle = async (model: File): Promise<string> => keptModelTitle((await readModel(model)).facts);

/** Throws as `parseKeptModel`. */
async function readModel(file: File): Promise<KeptModel> {
  if (file.size > mostModelBytes) throw new DataError(`${file.name} has ${file.size} bytes, more than any model that a study keeps. Is it the right file?`);
  return parseKeptModel(new Uint8Array(await file.arrayBuffer()), file.name);
}

/** Applies a model to images, in their order; those that cannot be read, or have no answer, are left out. @param most  images to show */
export async function predictJob(model: File, images: readonly NamedFile[], most: number, { progress, shown }: PredictWatcher): Promise<Predicted> {
  const kept = await readModel(model);
  const { task, size } = kept.facts;
  const device = await openDevice();
  try {
    const tuning = await readTuning(tuningIdentity(device.info));
    if (tuning) useTuning(device, winnersOf(tuning));
    const predictor = new Predictor(device, kept);
    await predictor.build((done, total) => progress("compile", done, total));
    const skipped: string[] = [];
    const rows: PredictedRow[] = [];
    const masks: Record<string, Uint8Array> = {};
    for await (const prediction of predictor.predict(readable(images, skipped), (_, reason) => skipped.push(reason))) {
      const { file, image, probabilities } = prediction;
      if (task.kind === "mask") {
        const mask = maskOf(prediction);
        rows.push({ file, values: [shareOf(mask)], predicted: [] });
        masks[freeName(file, masks)] = encodeMask(mask);
      } else rows.push({ file, values: probabilities, predicted: predictedClasses(task, probabilities) });
      // A copy: a part would take its whole batch along to the page.
      if (rows.length <= most) await shown({ ...task, size, images: [{ file, image: image.slice(), probabilities: Float32Array.from(probabilities), labels: [], mask: null }] });
      progress("predict", rows.length + skipped.length, images.length);
    }
    const csv = { name: "predictions.csv", type: "text/csv", bytes: new TextEncoder().encode(predictionsCsv(task, rows)) };
    return { files: rows.length === 0 ? [] : task.kind === "mask" ? [csv, { name: "masks.zip", type: "application/zip", bytes: await zipped(masks) }] : [csv], images: rows.length, skipped };
  } finally {
    device.close();
  }
}

/** Two images that were dropped from two folders may have one name. */
function freeName(file: string, taken: Readonly<Record<string, unknown>>): string {
  for (let n = 2, name = file; ; n++) {
    if (!Object.hasOwn(taken, name)) return name;
    name = file.replace(/(\.[^./]*)?$/, ` (${n})$1`);
  }
}

/** Stored as they are: PNGs are compressed already. */
const zipped = (files: AsyncZippable): Promise<Uint8Array<ArrayBuffer>> =>
  new Promise((resolve, reject) => zip(files, { level: 0 }, (error, bytes) => (error ? reject(error) : resolve(bytes as Uint8Array<ArrayBuffer>))));

async function* readable(images: readonly NamedFile[], skipped: string[]): AsyncGenerator<NamedImage, void, undefined> {
  for (const { path, file } of images) {
    try {
      if (file.size > mostImageBytes) throw new DataError(`${path}: has ${file.size} bytes, at most ${mostImageBytes} are read.`);
      const bytes = await file.arrayBuffer().catch((cause: unknown) => {
        throw new DataError(`${path}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
      });
      yield { file: path, image: await decodeRgb(new Uint8Array(bytes), path) };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      skipped.push(error.message);
    }
  }
}
