import { mkdir, readFile, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { ConfigError, DataError } from "@roentgen/core";
import { writeText, writeWhole } from "@roentgen/core/node";
import { decodeRgb, encodeMask } from "@roentgen/data";
import { folderSource } from "@roentgen/data/node";
import { openDevice } from "@roentgen/gpu/node";
import { type KeptModel, keptModelTitle, maskOf, mostModelBytes, type NamedImage, parseKeptModel, predictedClasses, type Prediction, predictionsCsv, Predictor, shareOf } from "@roentgen/runner";
import { tuningIdentity, useTuning, winnersOf } from "@roentgen/tensor";
import { exitCodes, Interrupted } from "../failure.ts";
import { type ImageFile, imagesAt } from "../image-files.ts";
import { catchInterrupts } from "../interrupts.ts";
import { checkDestinations, type Destinations, settleDestinations } from "../prediction-files.ts";
import { type Predicted, predictionsJson, predictionsTable, type Skipped } from "../prediction-text.ts";
import { printable } from "../printable.ts";
import { progressLine } from "../progress-line.ts";
import { shownPath } from "../shown-path.ts";
import { readTuning } from "../tuning-file.ts";

export interface PredictOptions extends Destinations {
  readonly batch?: number;
  readonly adapter?: string;
  readonly native?: boolean;
}

/** As of a data set's images. */
const mostImageBytes = 64 * 2 ** 20;

/** `roentgen predict`: a model that a study kept, applied to images. */
export async function predict(model: string, names: readonly string[], options: PredictOptions): Promise<void> {
  const kept = await readModel(model);
  checkDestinations(kept.facts.task, options);
  const images = await imagesAt(names, options.out);
  const masks = await settleDestinations(images, model, options);
  const device = await openDevice({ adapter: options.adapter, native: options.native });
  const progress = progressLine(process.stderr);
  const tell = (text: string): void => {
    progress.end();
    process.stderr.write(`${printable(text)}\n`);
  };
  const leave = (code: number): void => {
    progress.end();
    process.exit(code);
  };
  const interrupts = catchInterrupts(tell, leave, "finishing this batch");
  try {
    tell(`${kept.facts.trial}: ${keptModelTitle(kept.facts)}; on ${device.info.description || device.info.device}${device.info.software ? " (software)" : ""}${options.native ? ", native" : ""}`);
    const tuning = await readTuning(tuningIdentity(device.info));
    if (tuning) useTuning(device, winnersOf(tuning));
    const predictor = new Predictor(device, kept, options.batch);
    await predictor.build((done, total) => progress.show("compiling", done, total));
    const skipped: Skipped[] = [];
    const skip = (file: string, reason: string): void => {
      skipped.push({ file, reason });
      tell(`skipped: ${reason}`);
    };
    const rows: Predicted[] = [];
    for await (const prediction of predictor.predict(readable(images, interrupts.signal, skip), skip)) {
      if (interrupts.signal.aborted) break;
      rows.push(await finished(kept, prediction, masks.get(prediction.file)));
      progress.show("predicting", rows.length + skipped.length, images.length);
    }
    progress.end();
    if (interrupts.exitCode !== undefined) throw new Interrupted(`stopped after ${rows.length} of ${images.length} images; ${masks.size > 0 && rows.length > 0 ? `their masks are in ${options.out}, and --replace begins again` : "nothing was written"}.`, interrupts.exitCode);
    if (skipped.length > 0) {
      tell(`${skipped.length} of ${images.length} images ${skipped.length === 1 ? "is" : "are"} not among the results, for the reasons above.`);
      process.exitCode = exitCodes.failed;
    }
    await write(kept, rows, skipped, options);
  } finally {
    progress.end();
    interrupts.release();
    device.close();
  }
}

/** Throws ConfigError if there is no such file, CheckpointError if it is no model that a study kept. */
async function readModel(path: string): Promise<KeptModel> {
  const facts = await stat(path).catch(() => null);
  if (!facts?.isFile()) throw new ConfigError(`${path} is no file. Give a model that a study kept, such as runs/demo/models/plane-imagenet-0.safetensors.`);
  if (facts.size > mostModelBytes) throw new ConfigError(`${path} has ${facts.size} bytes, more than any model that a study keeps. Is it the right file?`);
  return parseKeptModel(new Uint8Array(await readFile(path)), basename(path));
}

/** Images that can be read, one after another. One that is broken does not stop the others: who runs this over night wants them in the morning. */
async function* readable(images: readonly ImageFile[], signal: AbortSignal, skip: (file: string, reason: string) => void): AsyncGenerator<NamedImage, void, undefined> {
  for (const { name, path } of images) {
    if (signal.aborted) return;
    let image: NamedImage["image"];
    try {
      const bytes = await folderSource(dirname(path)).readFile(basename(path), mostImageBytes);
      image = await decodeRgb(bytes, name);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      skip(name, error.message);
      continue;
    }
    yield { file: name, image };
  }
}

/** What is told of an image; its mask is written on the way. */
async function finished({ facts: { task } }: KeptModel, prediction: Prediction, target: string | undefined): Promise<Predicted> {
  const { file, width, height, probabilities } = prediction;
  if (task.kind !== "mask") return { file, width, height, values: probabilities, predicted: predictedClasses(task, probabilities), mask: null };
  const mask = maskOf(prediction);
  if (target !== undefined) {
    await mkdir(dirname(target), { recursive: true });
    await writeWhole(target, (out) => out.writeFile(encodeMask(mask)));
  }
  return { file, width, height, values: [shareOf(mask)], predicted: [], mask: target === undefined ? null : shownPath(target) };
}

async function write(kept: KeptModel, rows: readonly Predicted[], skipped: readonly Skipped[], { csv, json }: Destinations): Promise<void> {
  const put = async (path: string | undefined, text: () => string): Promise<void> => {
    if (path === "-") process.stdout.write(text());
    else if (path !== undefined) await writeText(path, text());
  };
  const tables = [[csv, () => predictionsCsv(kept.facts.task, rows)], [json, () => `${predictionsJson(kept, rows, skipped)}\n`]] as const;
  // Files first: who reads the other may have seen enough and end us.
  for (const [path, text] of tables) if (path !== "-") await put(path, text);
  for (const [path, text] of tables) if (path === "-") await put(path, text);
  if (csv === undefined && json === undefined) process.stdout.write(`${predictionsTable(kept.facts.task, rows)}\n`);
}
