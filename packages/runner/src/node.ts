import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
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

/**
 * Takes a folder for this process: two studies in one folder would overwrite each other's states. A lock whose process is gone is
 * taken over. Call the result to give it back. Throws ConfigError if a living process holds it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, "run.lock");
  await mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new ConfigError(`${folder} cannot hold results: ${error.message}. Choose another folder with --out.`);
  });
  while (!(await create(path, String(process.pid)))) {
    const holder = Number(await readFile(path, "utf8").catch(() => "0"));
    if (holder > 0 && holder !== process.pid && isAlive(holder)) {
      throw new ConfigError(`${folder}: process ${holder} is running a study there. Wait for it, or choose another folder with --out; if it is no study, remove ${path}.`);
    }
    await rm(path, { force: true });
  }
  return () => rm(path, { force: true });
}

/** Writes a file that is not there yet; false if it is. */
const create = (path: string, text: string): Promise<boolean> =>
  writeFile(path, text, { flag: "wx" }).then(() => true, (error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    return false;
  });
