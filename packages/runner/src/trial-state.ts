// What a trial writes down so that a later process goes on where this one stopped, with the same bits: memory of model and
// optimiser, the best weights so far, and progress as JSON in the file's metadata. One safetensors file.

import { CheckpointError, hostTensor, type StateDict } from "@roentgen/core";
import { formatSafetensors, parseSafetensors } from "@roentgen/checkpoints";
import type { EpochRecord } from "./results.ts";

export interface Progress {
  /** Epoch under way, and steps done in it. */
  readonly epoch: number;
  readonly step: number;
  readonly losses: readonly number[];
  readonly epochs: readonly EpochRecord[];
  readonly bestEpoch: number;
  readonly bestLoss: number | null;
  readonly badEpochs: number;
  readonly schedule: readonly number[];
  /** Seconds spent, over all processes. */
  readonly seconds: number;
}

export interface TrialState {
  readonly progress: Progress;
  /** Raw memory by name: `model.0`, `best.0`, `optimizer.moment 1.0`. */
  readonly memory: ReadonlyMap<string, Float32Array>;
}

/** @param identity  what the state belongs to: another configuration must not pick it up */
export function formatTrialState({ progress, memory }: TrialState, identity: string): Uint8Array {
  const tensors: StateDict = new Map([...memory].map(([name, data]) => [name, hostTensor("f32", [data.length], data)]));
  return formatSafetensors(tensors, new Map([["roentgen.trial", identity], ["roentgen.progress", JSON.stringify(progress)]]));
}

/** The state in a file, or null if it belongs to another configuration. Throws CheckpointError if it is damaged. */
export function parseTrialState(bytes: Uint8Array, identity: string): TrialState | null {
  const { tensors, metadata } = parseSafetensors(bytes);
  if (metadata.get("roentgen.trial") !== identity) return null;
  const progress = JSON.parse(metadata.get("roentgen.progress") ?? "null") as Progress | null;
  if (!progress || !Number.isInteger(progress.epoch) || !Array.isArray(progress.losses)) throw new CheckpointError("trial state: the progress record is damaged. Remove the file to start the trial again.");
  const memory = new Map([...tensors].map(([name, { data }]) => [name, data as Float32Array]));
  return { progress, memory };
}
