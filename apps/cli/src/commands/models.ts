import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Release, releases } from "@roentgen/checkpoints";
import { defaultCacheFolder } from "@roentgen/checkpoints/node";
import { localRelease } from "../released-files.ts";
import { textTable } from "../text-table.ts";

export interface ModelsOptions {
  readonly json?: boolean;
}

export interface ModelRow extends Release {
  /** Where the released file is, if it is there. */
  readonly local: string | null;
  /** Where its conversion is, if it is there. */
  readonly converted: string | null;
}

/** `roentgen models`: the study's models, where they were released, and which are on this machine. */
export async function models({ json = false }: ModelsOptions): Promise<void> {
  const folder = join(defaultCacheFolder(), "models");
  const rows = await localRows(folder);
  process.stdout.write(`${json ? JSON.stringify({ folder, models: rows }, null, 2) : formatModels(rows, folder)}\n`);
}

/** Looks for `<folder>/<file>` and `<folder>/<id>.safetensors`. */
export async function localRows(folder: string): Promise<ModelRow[]> {
  const present = async (path: string): Promise<string | null> => ((await stat(path).catch(() => undefined)) ? path : null);
  return Promise.all(releases.map(async (release) => ({ ...release, local: await localRelease(release, folder), converted: await present(join(folder, `${release.id}.safetensors`)) })));
}

export function formatModels(rows: readonly ModelRow[], folder: string): string {
  const table = textTable<ModelRow>(rows, [
    { head: "model", of: (r) => r.id },
    { head: "top-1", of: (r) => r.top1?.toFixed(1) ?? "", right: true },
    { head: "MB", of: (r) => (r.bytes === null ? "" : (r.bytes / 1e6).toFixed(0)), right: true },
    { head: "here", of: (r) => (r.converted ? "converted" : r.local ? "downloaded" : "") },
    { head: "licence", of: (r) => r.licence },
    { head: "released at", of: (r) => r.url },
  ]);
  const remarks = rows.flatMap((r) => (r.remark === undefined ? [] : [`  ${r.id}: ${r.remark}`]));
  return `${table}

top-1 is ImageNet accuracy of a linear probe (supervised: of the model itself) in percent, as its authors state it.
${remarks.join("\n")}

roentgen fetch MODEL downloads one. Or put a file, under its own name, into ${folder}
and run: roentgen convert ${join(folder, "FILE")} --out ${join(folder, "MODEL.safetensors")}`;
}
