import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
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
      const temporary = join(dirname(target), `.${process.pid}.part`);
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
