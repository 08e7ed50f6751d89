import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, resolve, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError } from "@roentgen/core";
import { isAlive, writeWhole } from "@roentgen/core/node";
import type { Store } from "./store.ts";

/** A store in a folder. A kill, or a power cut, leaves the old file or the new one. */
export function folderStore(folder: string): Store {
  const path = (name: string): string => {
    const full = resolve(folder, name);
    if (!full.startsWith(resolve(folder) + sep)) throw new ConfigError(`store: "${name}" lies outside ${folder}.`);
    return full;
  };
  return {
    read: (name) => readFile(path(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    }),
    async write(name, bytes) {
      const target = path(name);
      await mkdir(dirname(target), { recursive: true });
      await writeWhole(target, (file) => file.writeFile(bytes), { flush: true });
    },
    remove: (name) => rm(path(name), { force: true }),
  };
}

/** Folders that this process holds. */
const held = new Set<string>();

/**
 * Takes a folder for this process: two studies in one folder would overwrite each other's states. A lock whose process is gone is
 * taken over. Call the result to give it back.
 *
 * @throws ConfigError if a living process, or one of another machine, holds it, or the folder takes no files
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = resolve(folder, "run.lock");
  try {
    await mkdir(folder, { recursive: true });
    while (!(await create(path, `${process.pid} ${hostname()}`))) {
      const holder = await holderOf(path);
      if (holder) throw new ConfigError(`${folder}: ${holder} is running a study there. Wait for it, or choose another folder with --out; if it is no study, remove ${path}.`);
      await removeStale(path);
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${folder} cannot hold results: ${(error as Error).message}. Choose another folder with --out.`);
  }
  held.add(path);
  return async () => {
    held.delete(path);
    await rm(path, { force: true });
  };
}

/** Who holds a lock, in words; null if nobody does any more. */
async function holderOf(path: string): Promise<string | null> {
  const read = () => readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  // Between its making and its first byte a lock is empty.
  let text = await read();
  for (let tries = 0; text === "" && tries < 20; tries++) {
    await sleep(25);
    text = await read();
  }
  if (!text) return null;
  const [pid = "", host = hostname()] = text.split(" ");
  if (host !== hostname()) return `process ${pid} of ${host}`;
  if (Number(pid) === process.pid) return held.has(path) ? "this process" : null;
  return Number(pid) > 0 && isAlive(Number(pid)) ? `process ${pid}` : null;
}

/** Removes a lock that nobody holds. One process at a time, or the second would remove what another has just made in its place. */
async function removeStale(path: string): Promise<void> {
  const turn = `${path}.stale`;
  if (!(await create(turn, ""))) {
    // Its owner needs a millisecond, or was killed within it.
    const { mtimeMs } = (await stat(turn).catch(() => null)) ?? { mtimeMs: Infinity };
    if (Date.now() - mtimeMs > 10_000) await rm(turn, { force: true });
    return sleep(25);
  }
  try {
    if (!(await holderOf(path))) await rm(path, { force: true });
  } finally {
    await rm(turn, { force: true });
  }
}

/** Writes a file that is not there yet; false if it is. */
const create = (path: string, text: string): Promise<boolean> =>
  writeFile(path, text, { flag: "wx" }).then(() => true, (error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    return false;
  });
