// The images that a command line names: files, and folders with everything below them.

import { readdir, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { ConfigError } from "@roentgen/core";

export interface ImageFile {
  /** As the command line says it, with forward slashes: `scans/a.png`. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Below the folder that was named, or the file's own name: what results of it are called. */
  readonly below: string;
}

/**
 * Named files, whatever they are called, and every *.png below named folders, in order of their names; each once. What begins with a
 * dot is left out, and so is what lies below `leaveOut`: results of an earlier run are no images.
 *
 * @throws ConfigError for a name that is not there, a folder without PNGs, and `leaveOut` itself
 */
export async function imagesAt(names: readonly string[], leaveOut?: string): Promise<ImageFile[]> {
  const found = new Map<string, ImageFile>();
  for (const name of names) {
    const facts = await stat(name).catch(() => null);
    if (!facts) throw new ConfigError(`${name} is not there. Name images (PNG), or folders of them.`);
    const out = leaveOut === undefined ? undefined : resolve(leaveOut);
    if (resolve(name) === out) throw new ConfigError(`${name} is the folder of the images and of the results. Give another --out.`);
    const belows = facts.isDirectory() ? (await pngsBelow(name, out)).sort() : [""];
    if (belows.length === 0) throw new ConfigError(`${name}: there is no *.png in this folder or below it. Other formats are not read; docs/data.md says which PNGs are.`);
    for (const below of belows) {
      const image = { name: slashed(join(name, below)), path: resolve(name, below), below: below === "" ? basename(name) : slashed(below) };
      if (!found.has(image.path)) found.set(image.path, image);
    }
  }
  return [...found.values()];
}

const slashed = (path: string): string => path.split(sep).join("/");

/** Paths below a folder. Links to folders are not followed: they may lead in circles. */
async function pngsBelow(folder: string, leaveOut: string | undefined): Promise<string[]> {
  const found: string[] = [];
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (resolve(next) === leaveOut) continue;
    const entries = await readdir(next, { withFileTypes: true }).catch((error: Error) => {
      throw new ConfigError(`${next} cannot be listed: ${error.message}.`);
    });
    for (const entry of entries) {
      const path = join(next, entry.name);
      if (entry.name.startsWith(".")) continue;
      if (entry.isDirectory()) waiting.push(path);
      else if (/\.png$/i.test(entry.name)) found.push(relative(folder, path));
    }
  }
  return found;
}
