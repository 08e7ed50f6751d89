// From a fresh clone to a built repository with a GPU driver: what `npm start`, `npm test` and `npm run bench` do first.
//
// Plain Node without dependencies, since it runs before there are any. Every step looks first and does nothing where
// nothing is to be done, so a repeated start costs a fraction of a second.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runQuietly } from "./children.mjs";
import { isInstalled, nodeComplaint, unlockedNatives } from "./dependencies.mjs";
import { SetupError, installForbidden, root, say } from "./places.mjs";

/** @throws {SetupError} where Node is too old */
export function checkNode() {
  const complaint = nodeComplaint(process.versions.node);
  if (complaint) throw new SetupError(complaint);
}

/**
 * Makes node_modules what package-lock.json says.
 *
 * Install scripts do not run: none is needed (esbuild's only replaces a small launcher, webgpu's only clears a macOS
 * quarantine mark on files that npm does not mark), and newer versions of npm would not run them unasked anyway.
 *
 * @throws {SetupError} where the installation fails or is forbidden
 */
export async function ensureDependencies() {
  const lockText = readFileSync(join(root, "package-lock.json"));
  const stampFile = join(root, "node_modules/.roentgen-stamp");
  const stamp = `${createHash("sha256").update(lockText).digest("hex")} ${process.platform} ${process.arch}\n`;
  if (readIfThere(stampFile) === stamp) return;

  const wanted = JSON.parse(lockText.toString("utf8")).packages;
  const installed = readIfThere(join(root, "node_modules/.package-lock.json"));
  if (installed === undefined || !isInstalled(wanted, JSON.parse(installed).packages)) {
    const unlocked = unlockedNatives(wanted, { platform: process.platform, arch: process.arch });
    const how = unlocked.length === 0 ? ["ci"] : ["install", "--no-package-lock"];
    const args = [...how, "--ignore-scripts", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=warn"];
    if (installForbidden()) throw new SetupError(`the dependencies are not installed and ROENTGEN_NO_INSTALL forbids it. Run:\n  npm ${args.join(" ")}`);
    if (unlocked.length > 0) say(`package-lock.json does not hold ${unlocked.join(", ")}; npm chooses versions itself`);
    say(`installing the dependencies (npm ${args.join(" ")})`);
    const { code, output } = await npm(args);
    if (code !== 0) throw new SetupError(`npm ${how[0]} failed:\n${output}`);
  }
  writeFileSync(`${stampFile}.${process.pid}`, stamp);
  renameSync(`${stampFile}.${process.pid}`, stampFile);
}

/**
 * Generates the kernels and runs tasks in the workspaces, through turbo, which skips what has not changed.
 *
 * @param {string[]} tasks    such as "build", "typecheck"
 * @param {{ filter?: string }} options  filter: one workspace and what it depends on; all of them without it
 * @throws {SetupError} with turbo's output where a task fails
 */
export async function build(tasks, { filter } = {}) {
  const args = ["run", ...tasks, ...(filter ? [`--filter=${filter}`] : []), "--output-logs=errors-only", "--ui=stream"];
  // Nothing to do takes a fraction of a second: no reason to speak.
  const late = setTimeout(() => say(`building (turbo run ${tasks.join(" ")})`), 1000);
  const { code, output } = await runQuietly(process.execPath, [join(root, "node_modules/turbo/bin/turbo"), ...args], {
    cwd: root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", TURBO_NO_UPDATE_NOTIFIER: "1" },
  });
  clearTimeout(late);
  if (code !== 0) throw new SetupError(`the build failed:\n${output.trim()}`);
}

/**
 * Runs a script's body and exits with the status it gives; a SetupError becomes a message and status 1.
 *
 * @param {() => Promise<number>} body
 */
export async function main(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

/**
 * npm as it called us, or as the shell finds it.
 *
 * @param {string[]} args
 */
async function npm(args) {
  const self = process.env.npm_execpath;
  // What npm sets for the script it runs would change what an inner npm does.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_(config_(ignore_scripts|omit|production|workspace)|lifecycle)/.test(key)));
  if (self && existsSync(self)) return runQuietly(process.execPath, [self, ...args], { cwd: root, env });
  return process.platform === "win32"
    ? runQuietly(process.env.ComSpec ?? "cmd.exe", ["/d", "/s", "/c", "npm", ...args], { cwd: root, env })
    : runQuietly("npm", args, { cwd: root, env });
}

/** @param {string} path */
function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
