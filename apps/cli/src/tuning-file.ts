import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { defaultCacheFolder } from "@roentgen/checkpoints/node";
import { writeText } from "@roentgen/core/node";
import { parseTuning, type Tuning, type TuningStore } from "@roentgen/tensor";

/** Where tunings are kept: one file for each adapter, driver, set of toggles and version of the shaders. */
export const tuningFolder = (environment: NodeJS.ProcessEnv = process.env): string => join(defaultCacheFolder(environment), "tuning");

export const tuningPath = (identity: string, folder = tuningFolder()): string => join(folder, `${createHash("sha256").update(identity).digest("hex").slice(0, 16)}.json`);

/** What was measured under this identity; null if nothing was, or the file is not whole. */
export async function readTuning(identity: string, folder = tuningFolder()): Promise<Tuning | null> {
  const text = await readFile(tuningPath(identity, folder), "utf8").catch(() => "");
  const tuning = parseTuning(text);
  return tuning?.identity === identity ? tuning : null;
}

/** Writes a tuning where `readTuning` finds it, and returns the path. */
export async function writeTuning(tuning: Tuning, folder = tuningFolder()): Promise<string> {
  const path = tuningPath(tuning.identity, folder);
  await mkdir(folder, { recursive: true });
  await writeText(path, `${JSON.stringify(tuning, null, 1)}\n`);
  return path;
}

/** The files of this machine. */
export const tuningFiles: TuningStore = { read: (identity) => readTuning(identity), write: (tuning) => writeTuning(tuning) };
