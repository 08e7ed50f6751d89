// One trial of a study: from the state that an earlier process left to the result in the store.

import { CheckpointError, ConfigError } from "@roentgen/core";
import { formatSealed, numericsToMetadata } from "@roentgen/checkpoints";
import { readableBytes } from "@roentgen/gpu";
import type { Listener } from "./events.ts";
import { inputOf } from "./inits.ts";
import { keptModelKey, keptModelText } from "./kept-model.ts";
import type { Environment, TrialResult } from "./results.ts";
import type { StudyOptions } from "./study-options.ts";
import { formatResult, resultFile } from "./study-plan.ts";
import { NonFiniteLoss } from "./non-finite-loss.ts";
import { Trial, type TrialSpec } from "./trial.ts";
import { formatTrialState, parseTrialState } from "./trial-state.ts";

export interface TrialOptions extends Pick<StudyOptions, "device" | "store" | "environment" | "finish" | "predictions" | "checkpointSeconds" | "keepModels" | "replace"> {
  readonly listener: Listener;
  readonly signal: AbortSignal;
}

/**
 * Runs a trial to its end and keeps its result and its best weights; null if it was interrupted, and its state is kept.
 *
 * @param identity  what its numbers depend on: a state of another is not taken up
 */
export async function runTrial(spec: TrialSpec, options: TrialOptions, identity: string, at: { index: number; of: number }): Promise<TrialResult | null> {
  const { device, store, environment, keepModels = true } = options;
  const stateFile = `trials/${spec.name}.state`;
  const trial = device.scope(() => new Trial(device, spec));
  try {
    await resume(trial, stateFile, identity, options);
    const result = await trainAndTest(trial, spec, options, at, async () => store.write(stateFile, formatTrialState(await trial.state(), identity)));
    if (!result) return null;
    const model = keepModels ? `models/${spec.name}.safetensors` : null;
    if (model) await store.write(model, formatSealed(await trial.stateDict(), modelMetadata(spec, result, environment)));
    const complete = { ...result, model };
    // Ended by hand is not finished: another run of the study does it again.
    if (!result.stopped) await store.write(resultFile(spec.name), formatResult(identity, complete));
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
    checkpoint: async (reason) => {
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

async function resume(trial: Trial, file: string, identity: string, { store, listener, replace = false }: TrialOptions): Promise<void> {
  const bytes = await store.read(file);
  if (!bytes) return;
  try {
    const state = parseTrialState(bytes, identity);
    if (state) trial.restore(state);
    else if (!replace) throw new ConfigError(`${trial.name} is under way here with other settings, data, weights or adapter (${file}). Choose another folder (--out), or have it begun again (--replace).`);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    listener({ kind: "note", text: `${trial.name}: the saved state cannot be read (${error.message}); the trial starts again.` });
  }
}

function modelMetadata(spec: TrialSpec, result: TrialResult, { roentgen }: Environment): Map<string, string> {
  const { task, init, initName, taskName, seed, dataset } = spec;
  const { strideOn, padding, poolPadding = padding, eps } = task.model;
  return new Map([
    ...numericsToMetadata({ strideOn, padding, poolPadding, bnEps: eps, input: inputOf(init) }),
    [keptModelKey, keptModelText(spec, roentgen)],
    ["roentgen.task", taskName], ["roentgen.init", initName], ["roentgen.seed", String(seed)], ["roentgen.data", dataset.hash], ["roentgen.headline", String(result.headline)],
  ]);
}
