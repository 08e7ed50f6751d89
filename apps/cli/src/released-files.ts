import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Release } from "@roentgen/checkpoints";

/** Where a released model's files can be downloaded, or why only a person can do that. */
export type ReleasedFiles =
  | { readonly kind: "direct"; readonly files: readonly { readonly url: string; /** Below the folder of models. */ readonly path: string }[] }
  | { readonly kind: "manual"; readonly reason: string };

/** Of SimCLR v2's folder: a checkpoint is these two. The index last: where it is, the data are. */
const bundle = ["model.ckpt-250228.data-00000-of-00001", "model.ckpt-250228.index"];

/** What has to be downloaded for a row of the model table. */
export function releasedFiles({ url, file, remark }: Pick<Release, "url" | "file" | "remark">): ReleasedFiles {
  const { host } = new URL(url);
  if (host === "cornell.box.com") return { kind: "manual", reason: remark ?? "a page for people, not a file" };
  if (url.endsWith("/")) return { kind: "direct", files: bundle.map((name) => ({ url: url + name, path: `${file}/${name}` })) };
  // The console asks for a login; the same object under the public host does not.
  return { kind: "direct", files: [{ url: url.replace("https://storage.cloud.google.com/", "https://storage.googleapis.com/"), path: file }] };
}

/** Where a released model's file is, or the folder of its checkpoint; null if it is not there, or not whole. */
export async function localRelease({ file }: Pick<Release, "file">, folder: string): Promise<string | null> {
  const path = join(folder, file);
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isDirectory()) return (await readdir(path)).some((name) => name.endsWith(".index")) ? path : null;
  return facts ? path : null;
}
