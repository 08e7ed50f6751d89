import type { Device } from "@roentgen/gpu";
import { type OpenTask, tune, type Tuning, tuningIdentity, type Winners, winnersOf } from "@roentgen/tensor";
import { readTuning, tuningFolder, writeTuning } from "./tuning-file.ts";

export interface KernelsForOptions {
  /** Measure what is not known yet; else what is known must do. */
  readonly measure: boolean;
  /** Milliseconds of sampling for each family. */
  readonly budgetMs?: number;
  readonly folder?: string;
  readonly onProgress?: (done: number, all: number, key: string) => void;
}

/** The fastest families for these tasks, as far as this machine knows them; a new finding is kept at once, so an interruption loses one. */
export async function kernelsFor(device: Device, tasks: readonly OpenTask[], options: KernelsForOptions): Promise<Winners> {
  return winnersOf(await tuningFor(device, tasks, options));
}

/** The same with all that was measured; tasks that nobody measured are missing. */
export async function tuningFor(device: Device, tasks: readonly OpenTask[], { measure, budgetMs = 100, folder = tuningFolder(), onProgress }: KernelsForOptions): Promise<Tuning> {
  const identity = tuningIdentity(device.info);
  let tuning: Tuning = (await readTuning(identity, folder)) ?? { version: 1, identity, findings: {} };
  for (const [i, task] of measure ? tasks.entries() : []) {
    const before = tuning;
    tuning = await tune(device, [task], { known: before, budgetMs });
    if (Object.keys(tuning.findings).length > Object.keys(before.findings).length) await writeTuning(tuning, folder);
    onProgress?.(i + 1, tasks.length, task.key);
  }
  const asked = new Set(tasks.map(({ key }) => key));
  return { ...tuning, findings: Object.fromEntries(Object.entries(tuning.findings).filter(([key]) => asked.has(key))) };
}
