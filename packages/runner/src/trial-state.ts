// What a trial writes down so that a later process goes on where this one stopped, with the same bits: memory of model and
// optimiser, the best weights so far, and progress as JSON in the file's metadata. One safetensors file.

import { CheckpointError, hostTensor, type StateDict } from "@roentgen/core";
import { formatSealed, parseSafetensors } from "@roentgen/checkpoints";
import { z } from "zod";

const count = z.int().nonnegative();
const record = z.object({ epoch: count, rate: z.number(), trainLoss: z.number(), validationLoss: z.number(), seconds: z.number(), imagesPerSecond: z.number() });

const progressSchema = z.object({
  /** Epoch under way, and steps done in it. */
  epoch: count,
  step: count,
  losses: z.array(z.number()).readonly(),
  epochs: z.array(record).readonly(),
  bestEpoch: z.int().min(-1),
  bestLoss: z.number().nullable(),
  badEpochs: count,
  schedule: z.array(z.number()).readonly(),
  /** Seconds spent, over all processes. */
  seconds: z.number(),
});

export type Progress = z.infer<typeof progressSchema>;

export interface TrialState {
  readonly progress: Progress;
  /** Raw memory by name: `model.0`, `best.0`, `optimizer.moment 1.0`. */
  readonly memory: ReadonlyMap<string, Float32Array>;
}

/** @param identity  what the state belongs to: another configuration must not pick it up */
export function formatTrialState({ progress, memory }: TrialState, identity: string): Uint8Array {
  const tensors: StateDict = new Map([...memory].map(([name, data]) => [name, hostTensor("f32", [data.length], data)]));
  return formatSealed(tensors, new Map([["roentgen.trial", identity], ["roentgen.progress", JSON.stringify(progress)]]));
}

/** The state in a file, or null if it belongs to another configuration. Throws CheckpointError if it is damaged. */
export function parseTrialState(bytes: Uint8Array, identity: string): TrialState | null {
  const { tensors, metadata } = parseSafetensors(bytes);
  if (metadata.get("roentgen.trial") !== identity) return null;
  const memory = new Map([...tensors].map(([name, { data }]) => [name, data as Float32Array]));
  return { progress: parseProgress(metadata.get("roentgen.progress") ?? "null"), memory };
}

function parseProgress(text: string): Progress {
  try {
    return progressSchema.parse(JSON.parse(text));
  } catch {
    throw new CheckpointError("trial state: the progress record is damaged.");
  }
}
