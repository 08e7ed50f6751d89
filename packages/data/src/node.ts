// The only file of this package that knows a file system. Imported as `@roentgen/data/node`.

import { constants, existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { DataError } from "@roentgen/core";

import type { FileSource } from "./source.ts";

/** A pipe would otherwise wait for its other end, and nothing could end that. Windows knows neither. */
const nonBlocking = (constants.O_NONBLOCK as number | undefined) ?? 0;

/** A source over a folder, given as a path or a file: URL. Throws DataError where a file is missing, no file, or too long. */
export function folderSource(folder: string | URL): FileSource {
  const root = folder instanceof URL ? fileURLToPath(folder) : folder;
  return {
    async readFile(path, maxBytes = Number.POSITIVE_INFINITY) {
      const file = await open(join(root, ...path.split("/")), constants.O_RDONLY | nonBlocking).catch((cause: unknown) => {
        throw new DataError(`${path}: cannot be opened below ${root}: ${cause instanceof Error ? cause.message : String(cause)}`);
      });
      try {
        const stat = await file.stat();
        if (!stat.isFile()) throw new DataError(`${path}: is not a file. Look at the list that names it.`);
        if (stat.size > maxBytes) throw new DataError(`${path}: has ${stat.size} bytes, at most ${maxBytes} are read. Is it the right file?`);
        return new Uint8Array(await file.readFile());
      } finally {
        await file.close();
      }
    },
  };
}

/**
 * The folder with the demonstration sets `plane/` and `brain/`, as a file: URL ending in a slash.
 * `demo` lies beside both `src` and `dist`, so the same step up finds it from sources and from a build.
 */
export const demoFolder: URL = new URL("../demo/", import.meta.url);

/** The source of a demonstration set. Throws DataError where the folder is not beside the package. */
export function demoSource(name: "plane" | "brain"): FileSource {
  const folder = new URL(`${name}/`, demoFolder);
  if (!existsSync(folder)) throw new DataError(`demo: ${fileURLToPath(folder)} is missing. It is part of a full checkout of the project.`);
  return folderSource(folder);
}
