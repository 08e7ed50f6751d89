// The page's side of the worker boundary.

import { proxy, type Remote, releaseProxy, wrap } from "comlink";
import type { DeviceInfo } from "@roentgen/gpu";
import type { ProfileProgress, Workload } from "@roentgen/runner";
import type { Choices, DataChoice, DataFacts, WeightsFacts } from "./choices.ts";
import type { MadeFile, Watcher } from "./job.ts";
import type { NamedFile, Predicted, PredictWatcher } from "./predict-job.ts";
import type { ProfileView } from "./profile-job.ts";
import type { EngineApi } from "./worker.ts";

/** The engine in its worker. Errors arrive with the name and message they had there. */
export class Engine {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "roentgen engine" });
  readonly #remote: Remote<EngineApi> = wrap<EngineApi>(this.#worker);
  readonly #site = new URL(".", document.baseURI).href;
  /** Rejects where the worker's script itself cannot be run, or the worker is ended; no answer would come. */
  readonly #gone: Promise<never>;
  #end: (reason: Error) => void = () => undefined;

  constructor() {
    this.#gone = new Promise((_, reject) => (this.#end = reject));
    this.#gone.catch(() => undefined);
    this.#worker.onerror = (event) => this.#end(new Error(`The page's worker failed: ${event.message || "its script could not be loaded. Reload the page."}`));
  }

  adapter(): Promise<DeviceInfo> {
    return this.#orGone(this.#remote.adapterFacts());
  }

  dataFacts(data: DataChoice): Promise<DataFacts> {
    return this.#orGone(this.#remote.dataFacts(data, this.#site));
  }

  weightsFacts(file: File): Promise<WeightsFacts> {
    return this.#orGone(this.#remote.weightsFacts(file));
  }

  /** A weight file of any kind as safetensors. */
  convertWeights(file: File): Promise<Blob> {
    return this.#orGone(this.#remote.convertWeights(file));
  }

  run(choices: Choices, { event, predictions }: Watcher): Promise<MadeFile[]> {
    return this.#orGone(this.#remote.run(choices, this.#site, proxy(event), proxy(predictions)));
  }

  /** What a kept model's file holds, in a line. */
  modelTitle(model: File): Promise<string> {
    return this.#orGone(this.#remote.modelTitle(model));
  }

  /** @param most  images to be shown */
  predict(model: File, images: readonly NamedFile[], most: number, { progress, shown }: PredictWatcher): Promise<Predicted> {
    return this.#orGone(this.#remote.predict(model, images, most, proxy(progress), proxy(shown)));
  }

  profile(workload: Workload, onProgress: ProfileProgress): Promise<ProfileView> {
    return this.#orGone(this.#remote.profile(workload, proxy(onProgress)));
  }

  finish(): Promise<void> {
    return this.#remote.finish();
  }

  /** Ends the worker at once, whatever it is doing; who waits for it is told. */
  terminate(): void {
    this.#end(new Error("Cancelled, with all that was under way."));
    this.#remote[releaseProxy]();
    this.#worker.terminate();
  }

  #orGone<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.#gone]);
  }
}
