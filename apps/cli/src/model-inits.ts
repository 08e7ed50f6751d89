import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Release, releases } from "@roentgen/checkpoints";
import { convertFile, type ConvertFileOptions, defaultCacheFolder, loadConverted, withWeightFile } from "@roentgen/checkpoints/node";
import { CheckpointError } from "@roentgen/core";
import type { InitSource } from "@roentgen/runner";
import { localRelease } from "./released-files.ts";

/**
 * The initialisations of a study that are rows of the model table (`swav`, `byol`): `<folder>/<id>.safetensors` if the file was
 * converted, else the released file, converted as it is read. One that is not there is unavailable and says how to get it; one
 * that is there and wrong stops the study before it begins.
 *
 * @throws CheckpointError if a file is damaged or is another model's
 */
export async function modelInits(names: readonly string[], folder: string = join(defaultCacheFolder(), "models")): Promise<Map<string, InitSource>> {
  const sources = new Map<string, InitSource>();
  for (const release of releases.filter(({ id }) => names.includes(id))) sources.set(release.id, await initOf(release, folder));
  return sources;
}

async function initOf({ id, title, file, url, licence }: Release, folder: string): Promise<InitSource> {
  const converted = join(folder, `${id}.safetensors`);
  const isConverted = await stat(converted).then(() => true, () => false);
  const path = isConverted ? converted : await localRelease({ file }, folder);
  if (path === null) {
    const reason = `neither ${file} nor ${id}.safetensors is in ${folder}. Run roentgen fetch ${id}, or get it from ${url} (${licence})`;
    return { description: `${title}, not on this machine`, load: async () => ({ kind: "unavailable", reason }) };
  }
  // Names do not tell the methods apart that share a layout; a conversion has noted which it is, and of a released file it is known.
  const options: ConvertFileOptions = isConverted ? {} : { method: id };
  if (isConverted) await checkNoted(path, id);
  const { report, source } = await convertFile(path, undefined, options);
  return {
    description: `${title} (${id}), ${report.arch}, from ${source.name}, ${licence}; sha256 ${source.sha256}`,
    sha256: source.sha256,
    load: async () => {
      const { tensors, numerics } = await loadConverted(path, options);
      return { kind: "weights", tensors, numerics };
    },
  };
}

async function checkNoted(path: string, id: string): Promise<void> {
  const noted = await withWeightFile(path, async ({ container }) => container.metadata.get("roentgen.method"));
  if (noted !== id) throw new CheckpointError(`${path}: converted from ${noted ?? "a file of no noted method"}, expected ${id}. Remove it, or convert the released file of ${id} again.`);
}
