// Where predictions go, settled before anything is computed: nothing is overwritten that was not meant, least of all an image.

import { access, constants, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { ConfigError } from "@roentgen/core";
import type { ModelFacts } from "@roentgen/runner";
import type { ImageFile } from "./image-files.ts";
import { shownPath } from "./shown-path.ts";

/** `-` of csv and json is standard output. */
export interface Destinations {
  readonly out?: string;
  readonly csv?: string;
  readonly json?: string;
  readonly replace?: boolean;
}

/** Throws ConfigError for options that do not go together, or not with what the model answers. */
export function checkDestinations({ kind }: ModelFacts["task"], { out, csv, json }: Destinations): void {
  if (csv === "-" && json === "-") throw new ConfigError("--csv - and --json - both ask for standard output. Give one of them a file.");
  if (kind !== "mask" && out !== undefined) throw new ConfigError("--out takes masks, and this model tells classes. Leave it out; --csv or --json write the probabilities.");
  if (kind === "mask" && out === undefined && csv === undefined && json === undefined) throw new ConfigError("this model draws masks. Say which folder they go to with --out, or ask for the marked share of each image alone with --csv - or --json -.");
}

/**
 * The file of each image's mask, by the image's name; none without `out`.
 * @throws ConfigError where a result would be an image or the model itself, two results would be one file, there is no folder for one, or one
 *   is there already and `replace` is not
 */
export async function settleDestinations(images: readonly ImageFile[], model: string, { out, csv, json, replace = false }: Destinations): Promise<ReadonlyMap<string, string>> {
  const masks = new Map(out === undefined ? [] : images.map(({ name, below }) => [name, join(resolve(out), below)] as const));
  const tables = ([["--csv", csv], ["--json", json]] as const).flatMap(([option, path]) => (path === undefined || path === "-" ? [] : [{ option, path: resolve(path) }]));
  const taken = new Map<string, string>();
  const take = (path: string, what: string): void => {
    const other = taken.get(path);
    if (other !== undefined) throw new ConfigError(`${shownPath(path)} would be written for ${other} and for ${what}. Predict one folder at a time, or give another --out.`);
    taken.set(path, what);
  };
  for (const [name, path] of masks) take(path, name);
  for (const { option, path } of tables) {
    take(path, option);
    const folder = dirname(path);
    if (!(await stat(folder).catch(() => null))?.isDirectory()) throw new ConfigError(`${option} ${path}: there is no folder ${folder}. Make it, or name another.`);
    if ((await stat(path).catch(() => null))?.isFile() === false) throw new ConfigError(`${option} ${path}: that is a folder or a device. Name a file; - is standard output.`);
    if (out !== undefined && `${resolve(out)}${sep}`.startsWith(`${path}${sep}`)) throw new ConfigError(`${option} ${path} is the folder of the masks, or one above it. Name a file.`);
    await access(folder, constants.W_OK).catch((error: Error) => {
      throw new ConfigError(`${option} ${path}: ${folder} cannot be written to (${error.message}). Name another folder.`);
    });
  }
  if (out !== undefined && (await stat(out).catch(() => null))?.isFile()) throw new ConfigError(`--out ${out}: that is a file. Name a folder; it is made where it is not there.`);
  const read = new Set(await Promise.all([model, ...images.map(({ path }) => path)].map(realOf)));
  const there: string[] = [];
  for (const [path, what] of taken) {
    const real = await realOf(path);
    if (real === null) continue;
    if (read.has(real)) throw new ConfigError(`${shownPath(path)} is read here and would be overwritten for ${what}. Give another ${what.startsWith("--") ? what : "--out"}.`);
    there.push(shownPath(path));
  }
  if (there.length > 0 && !replace) throw new ConfigError(`${there.slice(0, 3).join(", ")}${there.length > 3 ? ` and ${there.length - 3} others are` : there.length > 1 ? " are" : " is"} there already. Name another place, or have what is there replaced (--replace).`);
  return masks;
}

const realOf = (path: string): Promise<string | null> => realpath(path).catch(() => null);
