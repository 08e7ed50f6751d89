import type { Dataset } from "@roentgen/data";
import type { Device } from "@roentgen/gpu";
import type { OpenTask, Winners } from "@roentgen/tensor";
import type { StudyConfig } from "./config.ts";
import type { Listener } from "./events.ts";
import type { InitSource } from "./inits.ts";
import type { Predictions } from "./predictions.ts";
import type { Environment } from "./results.ts";
import type { Store } from "./store.ts";

export interface StudyOptions {
  readonly config: StudyConfig;
  readonly device: Device;
  /** The data set a task names. */
  readonly datasets: (name: string) => Promise<Dataset>;
  readonly inits: ReadonlyMap<string, InitSource>;
  readonly store: Store;
  readonly environment: Environment;
  /** Chooses kernels for what the study computes, when it begins, until the signal says that it may stop; a study that goes on keeps its own. Default: by prediction. */
  readonly tuning?: (tasks: readonly OpenTask[], signal: AbortSignal) => Promise<Winners>;
  readonly listener?: Listener;
  /** Aborted: the step under way ends, its state is saved, and `StudyInterrupted` is thrown. */
  readonly signal?: AbortSignal;
  /** Aborted: training ends after the step under way, its best weights so far are tested and reported, and no further trial begins. */
  readonly finish?: AbortSignal;
  /** Told what the model says of images, as it says it. */
  readonly predictions?: (predictions: Predictions) => void;
  /** Seconds of work that a kill may cost: a trial's state is written when the last is older. More where writing takes over a twentieth of that. Default: 30. */
  readonly checkpointSeconds?: number;
  /** Name of the report's files, without their endings. Default: report. */
  readonly reportName?: string;
  /** Whether to keep each trial's best weights as safetensors. */
  readonly keepModels?: boolean;
  /** Train again what is finished in the store with another configuration, other data or other weights, in place of refusing to. */
  readonly replace?: boolean;
}
