// Files that others rely on, written so that there is never half of one.

import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RoentgenError } from "./errors.ts";

export interface WriteOptions {
  /** On the disk before it gets its name: a power cut leaves the old file or the new one. Takes as long as the disk does. */
  readonly flush?: boolean;
}

/**
 * Lets `fill` write a new file beside `path`, which takes that name when it is whole. If `fill` throws, nothing changes; what a killed
 * process left is removed by the next that writes the same file.
 *
 * @throws RoentgenError if the folder is not there or may not be written to
 */
export async function writeWhole<T>(path: string, fill: (file: FileHandle) => Promise<T>, { flush = false }: WriteOptions = {}): Promise<T> {
  await removeLeftovers(path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  const file = await open(temporary, "w").catch((error: Error) => {
    throw new RoentgenError(`${path} cannot be written: ${error.message}.`);
  });
  try {
    let result: T;
    try {
      result = await fill(file);
      if (flush) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** `writeWhole` of a text. */
export const writeText = (path: string, text: string): Promise<void> => writeWhole(path, (file) => file.writeFile(text));

/** Temporaries of `path` whose process is gone. */
async function removeLeftovers(path: string): Promise<void> {
  const start = `.${basename(path)}.`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const pid = name.startsWith(start) && name.endsWith(".part") ? name.slice(start.length, -".part".length) : "";
    if (/^\d+$/.test(pid) && !isAlive(Number(pid))) await rm(join(dirname(path), name), { force: true });
  }
}

/** Whether a process of this machine has that number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
