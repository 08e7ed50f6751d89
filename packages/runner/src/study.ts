// A study: every task from every initialisation, several trials each, in a fixed order. What is finished is kept in the store
// and not done again; a trial under way goes on from its last state. A second call with the same configuration and data ends
// with the same numbers, bit for bit, however often it was interrupted.

import { CheckpointError, ConfigError, DataError, hashString, mix32, RoentgenError } from "@roentgen/core";
import { formatSafetensors, numericsToMetadata, imagenetInput } from "@roentgen/checkpoints";
import type { Dataset } from "@roentgen/data";
import { type Device, readableBytes } from "@roentgen/gpu";
import { collectTasks, type OpenTask, type Winners } from "@roentgen/tensor";
import type { StudyConfig, TaskConfig } from "./config.ts";
import type { Listener, StudyEvent } from "./events.ts";
import { inputOf, type InitSource, oneAtATime, sourceOf } from "./inits.ts";
import type { Predictions } from "./predictions.ts";
import { cellsOf, comparisonsOf, formatReport } from "./report.ts";
import { reportHtml } from "./report-html.ts";
import type { DataSummary, Environment, Report, TrialResult } from "./results.ts";
import type { Store } from "./store.ts";
import { keepKernels } from "./study-kernels.ts";
import { NonFiniteLoss, Trial, type TrialSpec } from "./trial.ts";
import { formatTrialState, parseTrialState } from "./trial-state.ts";

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
  /** Whether to keep each trial's best weights as safetensors. */
  readonly keepModels?: boolean;
  /** Train again what is finished in the store with another configuration, other data or other weights, in place of refusing to. */
  readonly replace?: boolean;
}

/** The study was stopped on request and can go on from what it saved. */
export class StudyInterrupted extends RoentgenError {
  override name = "StudyInterrupted";
}

type TrialOptions = StudyOptions & { readonly listener: Listener; readonly signal: AbortSignal };

interface Planned {
  readonly name: string;
  readonly taskName: string;
  readonly task: TaskConfig;
  readonly initName: string;
  readonly seed: number;
}

const never = new AbortController().signal;

/** Runs a study to its end and returns its report, which is also in the store (report.json, report.html, models/). */
export async function runStudy(options: StudyOptions): Promise<Report> {
  const { config, device, store, environment, signal = never, listener = () => undefined } = options;
  for (const name of config.inits) sourceOf(options.inits, name);
  const initOf = oneAtATime(options.inits);
  const unavailable: Record<string, string> = {};
  for (const name of config.inits) {
    const init = await initOf(name);
    if (init.kind === "unavailable") unavailable[name] = init.reason;
  }
  if (config.inits.every((name) => name in unavailable)) {
    throw new CheckpointError(`study "${config.name}": none of its initialisations can be had. ${Object.entries(unavailable).map(([name, reason]) => `${name}: ${reason}`).join("; ")}.`);
  }
  const sets = await loadDatasets(options);
  const planned = plan(config).filter((p) => !(p.initName in unavailable));
  const specOf = async (p: Planned): Promise<TrialSpec> => {
    const init = await initOf(p.initName);
    if (init.kind === "unavailable") throw new CheckpointError(`${p.initName}: was there when the study began. ${init.reason}`);
    return { ...p, dataset: sets.get(p.taskName) as Dataset, init };
  };
  const identity = (p: Planned) => trialIdentity(p, sets.get(p.taskName) as Dataset, device, sourceOf(options.inits, p.initName).sha256);
  const kernels = await keepKernels(store, device, async () => {
    const { tuning } = options;
    if (!tuning) return new Map();
    const specs: TrialSpec[] = [];
    for (const p of new Map(planned.map((each) => [each.taskName, each])).values()) specs.push(await specOf(p));
    const chosen = await tuning(tasksOf(device, specs), AbortSignal.any([signal, options.finish ?? never]));
    // A study keeps the choice that it begins with: not half of one.
    if (signal.aborted) throw new StudyInterrupted(`study "${config.name}" was interrupted before its first trial. Run the same command again.`);
    return chosen;
  });
  const results = new Map<string, TrialResult>();
  const others: string[] = [];
  for (const p of planned) {
    const found = await readResult(store, p.name);
    if (found?.identity === identity(p)) results.set(p.name, found.result);
    else if (found) others.push(p.name);
  }
  if (others.length > 0 && !options.replace) {
    throw new ConfigError(`study "${config.name}": ${others.slice(0, 3).join(", ")}${others.length > 3 ? ` and ${others.length - 3} others` : ""} finished here with other settings, data, weights or adapter. Choose another folder (--out), or have them trained again (--replace).`);
  }
  listener({ kind: "study", trials: planned.map((p) => p.name), done: [...results.keys()], chosen: chosen(config, sets), unavailable });
  const report = (): Report => {
    const trials = planned.flatMap((p) => results.get(p.name) ?? []);
    return {
      format: 1, config, environment, tunedKernels: kernels.size, unavailable, trials, cells: cellsOf(config, trials), comparisons: comparisonsOf(config, trials),
      data: Object.fromEntries([...sets].map(([task, set]) => [task, summaryOf(set)])),
      sources: Object.fromEntries(config.inits.map((name) => [name, sourceOf(options.inits, name).description])),
      seconds: trials.reduce((sum, t) => sum + t.seconds, 0),
    };
  };
  const progress = new TimeLeft(planned.filter((p) => !results.has(p.name)), sets);
  for (const [index, p] of planned.entries()) {
    if (results.has(p.name)) continue;
    if (options.finish?.aborted) break;
    const result = await runTrial(await specOf(p), { ...options, signal, listener: progress.listen(listener, p.name) }, identity(p), { index, of: planned.length });
    if (!result) throw new StudyInterrupted(`study "${config.name}" was interrupted in ${p.name}; its state is saved. Run the same command again to go on.`);
    results.set(p.name, result);
    listener({ kind: "result", trial: p.name, result });
    await writeReport(store, report());
  }
  const final = report();
  await writeReport(store, final);
  return final;
}

/** What the steps of these trials compute, one of each task. */
function tasksOf(device: Device, specs: readonly TrialSpec[]): OpenTask[] {
  return collectTasks(device, () => {
    for (const spec of specs) device.scope(() => new Trial(device, spec)).dispose();
  });
}

async function runTrial(spec: TrialSpec, options: TrialOptions, identity: string, at: { index: number; of: number }): Promise<TrialResult | null> {
  const { device, store, listener, keepModels = true } = options;
  const stateFile = `trials/${spec.name}.state`;
  const trial = device.scope(() => new Trial(device, spec));
  try {
    await resume(trial, store, stateFile, identity, listener);
    const result = await trainAndTest(trial, spec, options, at, async () => store.write(stateFile, formatTrialState(await trial.state(), identity)));
    if (!result) return null;
    const model = keepModels ? `models/${spec.name}.safetensors` : null;
    if (model) await store.write(model, formatSafetensors(await trial.stateDict(), modelMetadata(spec, result)));
    const complete = { ...result, model };
    // Ended by hand is not finished: another run of the study does it again.
    if (!result.stopped) await store.write(`trials/${spec.name}.json`, new TextEncoder().encode(JSON.stringify({ identity, result: complete })));
    await store.remove(stateFile);
    return complete;
  } catch (error) {
    if (!(error instanceof NonFiniteLoss)) throw error;
    // The search for its cause takes the memory that this trial gives back.
    trial.dispose();
    throw await withCause(error, spec, options);
  } finally {
    trial.dispose();
    device.trim();
  }
}

async function trainAndTest(trial: Trial, spec: TrialSpec, options: TrialOptions, at: { index: number; of: number }, save: () => Promise<void>): Promise<TrialResult | null> {
  const { listener, signal, finish, predictions, checkpointSeconds = 30 } = options;
  listener({ kind: "trial", trial: spec.name, ...at, epochs: spec.task.epochs, stepsPerEpoch: trial.stepsPerEpoch, resumedAt: trial.stepsDone });
  const { checkpointing, bytes, bytesWithout } = trial.training;
  if (checkpointing) listener({ kind: "note", text: `${spec.name}: a training step needs ${readableBytes(bytesWithout)}, more than the memory budget leaves; with gradient checkpointing it needs ${readableBytes(bytes)} and about a third more time.` });
  await trial.build((done, total) => listener({ kind: "compile", trial: spec.name, done, total }));
  let due = performance.now() + checkpointSeconds * 1000;
  return trial.run({
    listener, signal, finish, predictions,
    checkpoint: async (_, reason) => {
      const began = performance.now();
      if (reason === "passing" && began < due) return;
      await save();
      const now = performance.now();
      due = now + Math.max(checkpointSeconds * 1000, 20 * (now - began));
    },
  });
}

/** The error with the op that began it, found by going through the trial again. */
async function withCause(error: NonFiniteLoss, spec: TrialSpec, { device, listener, signal }: TrialOptions): Promise<NonFiniteLoss> {
  listener({ kind: "note", text: `${spec.name}: the loss of step ${error.at.step + 1} is ${error.at.loss}; going through the trial again to find the op that began it.` });
  try {
    const again = device.scope(() => new Trial(device, spec));
    try {
      const first = await again.findNonFinite(error.at, signal);
      if (signal.aborted) return error;
      return new NonFiniteLoss(error.at, `the first op that wrote a value that is not finite is ${first ?? "none: the loss itself"}`);
    } finally {
      again.dispose();
    }
  } catch (failure) {
    return new NonFiniteLoss(error.at, `looking for its cause failed (${failure instanceof Error ? failure.message : failure})`);
  }
}

async function resume(trial: Trial, store: Store, file: string, identity: string, listener: Listener): Promise<void> {
  const bytes = await store.read(file);
  if (!bytes) return;
  try {
    const state = parseTrialState(bytes, identity);
    if (state) trial.restore(state);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    listener({ kind: "note", text: `${trial.name}: the saved state cannot be read (${error.message}); the trial starts again.` });
  }
}

async function loadDatasets({ config, datasets }: StudyOptions): Promise<Map<string, Dataset>> {
  const sets = new Map<string, Dataset>();
  for (const [name, task] of Object.entries(config.tasks)) {
    const set = await datasets(task.data).catch((error: unknown) => {
      throw error instanceof DataError ? new DataError(`tasks.${name}: ${task.data}: ${error.message}`) : error;
    });
    checkKind(name, task, set);
    checkSplits(name, task, set);
    sets.set(name, set);
  }
  return sets;
}

/** The losses of each kind of task. */
const lossesOf: Readonly<Record<Dataset["task"]["kind"], readonly TaskConfig["loss"][]>> = { multiclass: ["cross-entropy"], binary: ["bce"], multilabel: ["bce"], mask: ["bce", "dice", "bce+dice"] };

/** Throws ConfigError for a model or a loss that is not made for such labels. */
function checkKind(name: string, { model, loss }: TaskConfig, { name: set, task: { kind } }: Dataset): void {
  const wanted = kind === "mask" ? "unet" : "resnet";
  if (model.kind !== wanted) throw new ConfigError(`tasks.${name}: ${set} is ${kind}; its model is a ${wanted}, not a ${model.kind}. Set model.kind: ${wanted}.`);
  if (!lossesOf[kind].includes(loss)) throw new ConfigError(`tasks.${name}: ${set} is ${kind}; its loss is ${lossesOf[kind].join(" or ")}, not ${loss}.`);
}

/** Throws DataError for a split that training or testing would only miss at its end. */
function checkSplits(name: string, { batch }: TaskConfig, set: Dataset): void {
  const images = summaryOf(set).images;
  if (images.train < batch) throw new DataError(`tasks.${name}: ${images.train} training images make no batch of ${batch}. Take a smaller batch, or look at "split" in the list.`);
  for (const split of ["validation", "test"] as const) {
    if (images[split] === 0) throw new DataError(`tasks.${name}: ${set.name} has no ${split} images. Look at "split" in the list.`);
  }
}

/** All trials, round by round, so that an early look at the report finds every cell begun. */
function plan(config: StudyConfig): Planned[] {
  return Array.from({ length: config.trials }, (_, run) => run).flatMap((run) =>
    Object.entries(config.tasks).flatMap(([taskName, task]) =>
      config.inits.map((initName) => ({ name: `${taskName}-${fileNameOf(initName)}-${run}`, taskName, task, initName, seed: seedOf(config.seed, taskName, initName, run) })),
    ),
  );
}

/** An initialisation's name as part of a file's: one that is a path itself is shortened, and told apart by a hash. */
const fileNameOf = (init: string): string => (isPlain(init) ? init : `${init.replace(/[^\w.-]+/g, "_").slice(-60)}-${hashString(init).toString(16)}`);
const isPlain = (name: string): boolean => /^[\w.-]+$/.test(name);

/** The protocol's f(task, model, run). */
const seedOf = (study: number, task: string, init: string, run: number): number => mix32(mix32(study) ^ hashString(`${task}/${init}/${run}`));

/** What a trial's numbers depend on, besides the code. */
function trialIdentity({ task: { title: _, ...task }, initName, seed }: Planned, dataset: Dataset, device: Device, sha256: string | undefined): string {
  return JSON.stringify({ task, init: initName, sha256, seed, data: dataset.hash, adapter: device.info.description || device.info.device });
}

async function readResult(store: Store, name: string): Promise<{ readonly identity: string; readonly result: TrialResult } | null> {
  const bytes = await store.read(`trials/${name}.json`);
  if (!bytes) return null;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as { identity: string; result: TrialResult };
  } catch {
    return null; // A file that is no JSON was not written by us: the trial runs again and replaces it.
  }
}

async function writeReport(store: Store, report: Report): Promise<void> {
  await store.write("report.json", formatReport(report));
  await store.write("report.html", new TextEncoder().encode(reportHtml(report)));
}

function modelMetadata({ task, init, initName, taskName, seed, dataset }: TrialSpec, result: TrialResult): Map<string, string> {
  const { strideOn, padding, poolPadding = padding, eps } = task.model;
  return new Map([
    ...numericsToMetadata({ strideOn, padding, poolPadding, bnEps: eps, input: init.kind === "weights" ? inputOf(init) : imagenetInput }),
    ["roentgen.task", taskName], ["roentgen.init", initName], ["roentgen.seed", String(seed)], ["roentgen.data", dataset.hash],
    ["roentgen.classes", JSON.stringify(dataset.task.classes)], ["roentgen.size", String(task.size)], ["roentgen.headline", String(result.headline)],
  ]);
}

const splitNames = { train: "train", validation: "val", test: "test" } as const;

function summaryOf(set: Dataset): DataSummary {
  const each = <T>(of: (samples: ReturnType<Dataset["split"]>) => T) =>
    Object.fromEntries(Object.entries(splitNames).map(([name, split]) => [name, of(set.split(split))])) as Record<keyof typeof splitNames, T>;
  return { name: set.name, hash: set.hash, classes: set.task.classes, images: each((s) => s.length), subjects: each((s) => [...new Set(s.map((x) => x.subject))]) };
}

/** What will be done, in words. */
function chosen(config: StudyConfig, sets: ReadonlyMap<string, Dataset>): string[] {
  return Object.entries(config.tasks).map(([name, task]) => {
    const { images, hash } = summaryOf(sets.get(name) as Dataset);
    const { kind, depth, strideOn } = task.model;
    return `${name}: ${kind === "unet" ? "U-Net, " : ""}ResNet-${depth} (stride on the ${strideOn}), ${task.size} px, batch ${task.batch}, at most ${task.epochs} epochs, ${task.optimizer.kind} ${task.optimizer.lr}, ${task.loss}; ` +
      `${images.train} / ${images.validation} / ${images.test} images (sha256 ${hash.slice(0, 12)})`;
  });
}

/** Estimates what is left of the study from the seconds a step took, task by task, as if no trial ended early. */
class TimeLeft {
  readonly #steps = new Map<string, { total: number; done: number; task: string }>();
  readonly #secondsPerImage = new Map<string, number>();
  readonly #batch = new Map<string, number>();

  constructor(planned: readonly Planned[], sets: ReadonlyMap<string, Dataset>) {
    for (const { name, taskName, task } of planned) {
      const perEpoch = Math.floor((sets.get(taskName)?.split("train").length ?? 0) / task.batch);
      this.#steps.set(name, { total: perEpoch * task.epochs, done: 0, task: taskName });
      this.#batch.set(taskName, task.batch);
    }
  }

  listen(listener: Listener, trial: string): Listener {
    return (event) => listener(this.#complete(event, trial));
  }

  #complete(event: StudyEvent, trial: string): StudyEvent {
    if (event.kind !== "step") return event;
    const mine = this.#steps.get(trial);
    if (!mine) return event;
    for (const [name, entry] of this.#steps) {
      if (name === trial) break;
      entry.done = entry.total;
    }
    mine.done = event.epoch * event.stepsPerEpoch + event.step;
    const before = this.#secondsPerImage.get(mine.task);
    const now = 1 / event.imagesPerSecond;
    this.#secondsPerImage.set(mine.task, before === undefined ? now : 0.9 * before + 0.1 * now);
    const known = [...this.#secondsPerImage.values()];
    const typical = known.reduce((a, b) => a + b, 0) / known.length;
    let secondsLeft = 0;
    for (const { total, done, task } of this.#steps.values()) secondsLeft += (total - done) * (this.#batch.get(task) ?? 1) * (this.#secondsPerImage.get(task) ?? typical);
    return { ...event, secondsLeft };
  }
}
