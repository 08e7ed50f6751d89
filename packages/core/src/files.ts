// Files that others rely on, written so that there is never half of one.

import { randomUUID } from "node:crypto";
import { type FileHandle, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RoentgenError } from "./errors.ts";

export interface WriteOptions {
  /** On the disk before it gets its name: a power cut leaves the old file or the new one. Takes as long as the disk does. */
  readonly flush?: boolean;
}

/** What a killed process left is known by nobody having written to it for so long. */
const abandonedMs = 3_600_000;

/**
 * Lets `fill` write a new file beside `path`, which takes that name when it is whole. If `fill` throws, nothing changes; what a killed
 * process left is removed by the next that writes into the folder an hour later. A link stays one: the file that it names is written.
 *
 * @throws RoentgenError if the folder is not there or may not be written to, or `path` is no ordinary file (a folder, a device, a pipe)
 */
export async function writeWhole<T>(path: string, fill: (file: FileHandle) => Promise<T>, { flush = false }: WriteOptions = {}): Promise<T> {
  const target = await realpath(path).catch(() => path);
  if ((await stat(target).catch(() => null))?.isFile() === false) throw new RoentgenError(`${path} cannot be written: it is no ordinary file. Give the name of a file.`);
  await removeLeftovers(dirname(target));
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.part`);
  const file = await open(temporary, "wx").catch((error: Error) => {
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
    await rename(temporary, target);
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** `writeWhole` of a text. */
export const writeText = (path: string, text: string): Promise<void> => writeWhole(path, (file) => file.writeFile(text));

/** Folders that were looked through: a folder of many files must not be listed for each of them. */
const swept = new Set<string>();

async function removeLeftovers(folder: string): Promise<void> {
  if (swept.has(folder)) return;
  swept.add(folder);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!/^\..+\.[0-9a-f-]{36}\.part$/.test(name)) continue;
    const leftover = join(folder, name);
    const { mtimeMs } = (await stat(leftover).catch(() => null)) ?? { mtimeMs: Infinity };
    if (Date.now() - mtimeMs > abandonedMs) await rm(leftover, { force: true });
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
