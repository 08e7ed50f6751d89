// Which trials a study is made of, and what a result of one depends on.

import { hashString, mix32 } from "@roentgen/core";
import type { Dataset } from "@roentgen/data";
import type { Device } from "@roentgen/gpu";
import type { StudyConfig, TaskConfig } from "./config.ts";
import type { TrialResult } from "./results.ts";
import type { Store } from "./store.ts";

export interface Planned {
  readonly name: string;
  readonly taskName: string;
  readonly task: TaskConfig;
  readonly initName: string;
  readonly seed: number;
}

/** All trials, round by round, so that an early look at the report finds every cell begun. */
export function plan(config: StudyConfig): Planned[] {
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
export function trialIdentity({ task: { title: _, ...task }, initName, seed }: Planned, dataset: Dataset, device: Device, sha256: string | undefined): string {
  return JSON.stringify({ task, init: initName, sha256, seed, data: dataset.hash, adapter: device.info.description || device.info.device });
}

/** Whether two trials' numbers depend on the same, whatever first weights lay under the initialisation's name. */
export function isSameButWeights(a: string, b: string): boolean {
  // As text: what an earlier result says of itself need not be JSON.
  const withoutWeights = (identity: unknown) => String(identity).replace(/"sha256":"[^"]*",/, "");
  return withoutWeights(a) === withoutWeights(b);
}

/** A finished trial as a file: what its numbers depend on, the numbers, and a checksum of these. */
export function formatResult(identity: string, result: TrialResult): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ identity, checksum: checksumOf(result), result }));
}

export const resultFile = (name: string): string => `trials/${name}.json`;

/** What is finished under a trial's name, of whatever settings; null for nothing, "damaged" for what is not as `formatResult` wrote it. */
export async function readResult(store: Store, name: string): Promise<{ readonly identity: string; readonly result: TrialResult } | "damaged" | null> {
  const bytes = await store.read(resultFile(name));
  if (!bytes) return null;
  try {
    const { identity, checksum, result } = JSON.parse(new TextDecoder().decode(bytes)) as { identity: string; checksum: unknown; result: TrialResult };
    return checksum === checksumOf(result) ? { identity, result } : "damaged";
  } catch {
    return "damaged";
  }
}

/** Of the result as JSON, which reading and writing do not change. */
const checksumOf = (result: TrialResult): number => hashString(JSON.stringify(result));
