import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { ConfigError } from "@roentgen/core";
import type { Store } from "./store.ts";

/** A store in a folder. A file is written under a temporary name, flushed to disk, then renamed: a kill leaves the old one or the new one. */
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
      // Named after its target: what a kill leaves behind is overwritten by the next try and never piles up.
      const temporary = `${target}.part`;
      const file = await open(temporary, "w");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
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
  await mkdir(folder, { recursive: true });
  const holder = Number(await readFile(path, "utf8").catch(() => "0"));
  if (holder > 0 && holder !== process.pid && isAlive(holder)) {
    throw new ConfigError(`${folder}: process ${holder} is running a study there. Wait for it, or choose another folder with --out; if it is no study, remove ${path}.`);
  }
  await writeFile(path, String(process.pid));
  return () => rm(path, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
