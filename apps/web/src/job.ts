// What the worker does: facts for the form, and one study from choices to files. Knows neither the page nor how messages travel.

import { DataError } from "@roentgen/core";
import { type FileSource, INDEX_FILE, loadDataset, parseListing, urlSource } from "@roentgen/data";
import type { DeviceInfo } from "@roentgen/gpu";
import { openDevice } from "@roentgen/gpu/browser";
import { type InitSource, memoryStore, type Predictions, randomInit, runStudy, type StudyEvent } from "@roentgen/runner";
import { version } from "../package.json";
import { type Choices, type DataChoice, type DataFacts, initName } from "./choices.ts";
import { studyOf } from "./study-of.ts";
import { kernelsFor } from "./tuning.ts";
import { inspectWeights, loadWeights } from "./weights.ts";

export interface Watcher {
  readonly event: (event: StudyEvent) => void;
  readonly predictions: (predictions: Predictions) => void;
}

/** A file to keep: a report, or a model. */
export interface MadeFile {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const mostIndexBytes = 64 * 2 ** 20;

/** Opens the GPU to see whether it can be had. Throws DeviceError with what to enable. */
export async function adapterFacts(): Promise<DeviceInfo> {
  const device = await openDevice();
  device.close();
  return device.info;
}

/** @param site  the page's address, below which the demonstration sets lie */
function sourceOf(data: DataChoice, site: string): FileSource {
  if (data.kind === "demo") return urlSource(new URL(`demo/${data.set}/`, site));
  return {
    async readFile(path, maxBytes = Number.POSITIVE_INFINITY) {
      const file = data.files.get(path);
      if (!file) throw new DataError(`${path}: the folder has no such file; it has ${data.files.size} others. The list names files below the folder that holds ${INDEX_FILE}.`);
      if (file.size > maxBytes) throw new DataError(`${path}: has ${file.size} bytes, at most ${maxBytes} are read. Is it the right file?`);
      return new Uint8Array(await file.arrayBuffer());
    },
  };
}

/** Reads a set's list and no image. Throws DataError where the list is not right. */
export async function dataFacts(data: DataChoice, site: string): Promise<DataFacts> {
  const index = await sourceOf(data, site).readFile(INDEX_FILE, mostIndexBytes);
  const { name, task, entries } = parseListing(new TextDecoder().decode(index), INDEX_FILE);
  const count = (split: string) => entries.filter((entry) => entry.split === split).length;
  return { name, ...task, images: { train: count("train"), val: count("val"), test: count("test") } };
}

/** Runs the study that the choices mean and returns its files. `finish` ends training early; what there is then is tested and reported. */
export async function runJob(choices: Choices, site: string, { event, predictions }: Watcher, finish: AbortSignal): Promise<MadeFile[]> {
  const { data, weights } = choices;
  const found = weights && (await inspectWeights(weights));
  const config = studyOf(choices, await dataFacts(data, site), found);
  const init: InitSource = weights && found ? { description: `${found.report.title}, ${weights.name}, ${weights.size} bytes, chosen in the page`, load: () => loadWeights(weights) } : randomInit;
  const device = await openDevice();
  try {
    const { vendor, architecture, device: model, description, software, toggles } = device.info;
    const store = memoryStore();
    await runStudy({
      config, device, store, finish, predictions, listener: event, inits: new Map([[initName(weights), init]]),
      datasets: () => loadDataset(sourceOf(data, site)),
      tuning: (tasks, signal) => kernelsFor(device, tasks, { measure: choices.tune, signal, tell: (text) => event({ kind: "note", text }) }),
      environment: { roentgen: version, commit: null, runtime: navigator.userAgent, system: navigator.platform, adapter: { vendor, architecture, device: model, description, software, toggles } },
      // Nothing to come back to: a closed tab forgets.
      checkpointSeconds: Number.POSITIVE_INFINITY,
    });
    return [...store.files].flatMap(([name, bytes]) => (types.has(extensionOf(name)) ? [{ name: name.slice(name.lastIndexOf("/") + 1), type: types.get(extensionOf(name)) ?? "", bytes: bytes.slice() }] : []))
      .filter(({ name }) => name.startsWith("report.") || name.endsWith(".safetensors"));
  } finally {
    device.close();
  }
}

const types = new Map([["json", "application/json"], ["html", "text/html"], ["csv", "text/csv"], ["safetensors", "application/octet-stream"]]);
const extensionOf = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
