// The engine's side of the worker boundary: everything that computes runs here, so that the page stays responsive.

import { expose, transfer } from "comlink";
import type { ProfileProgress, Workload } from "@roentgen/runner";
import type { Choices, DataChoice } from "./choices.ts";
import { adapterFacts, dataFacts, runJob, type Watcher } from "./job.ts";
import { modelTitle, type NamedFile, predictJob, type PredictWatcher } from "./predict-job.ts";
import { profileJob } from "./profile-job.ts";
import { convertWeights, inspectWeights } from "./weights.ts";

let finish = new AbortController();

const api = {
  adapterFacts,
  dataFacts: (data: DataChoice, site: string) => dataFacts(data, site),
  weightsFacts: (file: File) => inspectWeights(file),
  convertWeights: (file: File) => convertWeights(file),
  modelTitle: (model: File) => modelTitle(model),
  async predict(model: File, images: readonly NamedFile[], most: number, progress: PredictWatcher["progress"], shown: PredictWatcher["shown"]) {
    const predicted = await predictJob(model, images, most, { progress, shown });
    return transfer(predicted, predicted.files.map(({ bytes }) => bytes.buffer));
  },
  async profile(workload: Workload, onProgress: ProfileProgress) {
    const view = await profileJob(workload, onProgress);
    return transfer(view, view.files.map(({ bytes }) => bytes.buffer));
  },
  /** Ends the training under way, if any; `run` then returns what there is. */
  finish: () => finish.abort(),
  async run(choices: Choices, site: string, event: Watcher["event"], predictions: Watcher["predictions"]) {
    finish = new AbortController();
    const files = await runJob(choices, site, { event, predictions }, finish.signal);
    return transfer(files, files.map(({ bytes }) => bytes.buffer));
  },
};
export type EngineApi = typeof api;

expose(api);
