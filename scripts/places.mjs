// Where things are, and how the scripts speak.

import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The project's own cache folder: drivers, browsers, remembered decisions. Safe to delete at any time.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function cacheFolder(env = process.env) {
  // The base directory specification says to ignore a relative path.
  const base = env.XDG_CACHE_HOME?.startsWith("/") ? env.XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(base, "roentgen");
}

/** A machine that lacks something; the message says what, and what to run. Printed without a stack. */
export class SetupError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "SetupError";
  }
}

/**
 * Tells the user what is about to happen. On stderr, so that a command's own output stays clean.
 *
 * @param {string} text
 */
export function say(text) {
  process.stderr.write(`roentgen: ${text}\n`);
}

/**
 * @param {number} bytes
 * @returns {string}  decimal megabytes, as package tools print them
 */
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** True where the user has forbidden every download and installation. */
export const installForbidden = (env = process.env) => /^(1|true|yes)$/i.test(env.ROENTGEN_NO_INSTALL ?? "");

/**
 * The paths in a folder, sorted.
 *
 * @param {string} folder
 * @returns {string[]}  empty where the folder is not there or not ours to read: either way it holds nothing to use
 */
export function list(folder) {
  try {
    return readdirSync(folder).sort().map((name) => join(folder, name));
  } catch {
    return [];
  }
}
