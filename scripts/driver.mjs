// A Vulkan driver for Dawn: the machine's own where it has one that works, else a private copy of Mesa's lavapipe
// (lavapipe.mjs). The copy reaches a process through environment variables that must be set before it starts, so
// callers pass `env` to a child.
//
// What was found is remembered beside a fingerprint of everything it depends on; a second start asks nobody.
//
// ROENTGEN_DRIVER=private uses the private copy alone, ROENTGEN_DRIVER=system never makes one;
// ROENTGEN_NO_INSTALL=1 forbids every download.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { distributionSources } from "./apt-sources.mjs";
import { runQuietly } from "./children.mjs";
import { driverCandidates, installCommand } from "./driver-choice.mjs";
import { fetchLavapipe, lavapipeCopy } from "./lavapipe.mjs";
import { SetupError, cacheFolder, installForbidden, list, root, say } from "./places.mjs";
import { AptSession, readOs, readSources } from "./private-apt.mjs";

/**
 * @typedef {object} Driver
 * @property {import("./driver-choice.mjs").DriverCandidate["kind"]} kind
 * @property {{ vendor: string, architecture: string, device: string, description: string }} adapter  as Dawn names it
 * @property {Record<string, string>} env  what a child needs on top of our own environment
 */

/**
 * Finds or fetches a driver and makes sure that Dawn accepts it.
 *
 * @param {{ apt?: AptSession }} options  apt: a session to share with other downloads; the caller closes it
 * @returns {Promise<Driver>}
 * @throws {SetupError} where none can be had, with the command that installs one
 */
export async function ensureDriver({ apt } = {}) {
  const facts = machineFacts();
  const key = fingerprint(facts);
  const remembered = recall(key);
  if (remembered) return remembered;

  const session = apt ?? new AptSession();
  const refused = [];
  try {
    for (const candidate of driverCandidates(facts)) {
      const tried = await attempt(candidate, session);
      if (tried.driver) {
        const { device, description } = tried.driver.adapter;
        if (refused.length > 0) say(`${refused.join("; ")}; using ${description || device} instead`);
        return remember(key, tried.driver);
      }
      refused.push(`${describe(candidate, facts)}: ${tried.reason}`);
    }
  } finally {
    if (!apt) await session.close();
  }
  throw new SetupError(noDriver(refused));
}

/**
 * What `ensureDriver` found last time on this machine, as environment variables for a child; {} where nothing is
 * remembered or the machine has changed since. Never downloads and never asks Dawn.
 *
 * @returns {Record<string, string>}
 */
export function driverEnvironment() {
  return recall(fingerprint(machineFacts()))?.env ?? {};
}

/**
 * @param {import("./driver-choice.mjs").DriverCandidate} candidate
 * @param {AptSession} session
 * @returns {Promise<{ driver?: Driver, reason?: string }>}
 */
async function attempt({ kind, manifest }, session) {
  if (kind !== "private") {
    return probe(kind, { ...(kind === "native" ? {} : runtimeFolder()), ...(manifest === undefined ? {} : { VK_DRIVER_FILES: manifest }) });
  }
  try {
    const copy = lavapipeCopy();
    const tried = copy ? await probe(kind, privateEnvironment(copy)) : { reason: "no copy yet" };
    if (tried.driver || (copy && installForbidden())) return tried;
    // A copy that once worked may not after a system upgrade, so it is made anew, once.
    if (copy) {
      say(`the driver in ${copy} no longer works`);
      rmSync(copy, { recursive: true, force: true });
    }
    return await probe(kind, privateEnvironment(await fetchLavapipe(session)));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { reason: error.message };
  }
}

/**
 * Asks Dawn, in a process of its own.
 *
 * @param {Driver["kind"]} kind
 * @param {Record<string, string>} env
 * @returns {Promise<{ driver?: Driver, reason?: string }>}
 */
async function probe(kind, env) {
  const { code, stdout, output } = await runQuietly(process.execPath, [join(root, "scripts/probe-adapter.mjs")], {
    env: { ...process.env, ...env },
    timeoutMs: 60_000,
  });
  if (code === 0) return { driver: { kind, adapter: JSON.parse(stdout), env } };
  const said = output.trim().split("\n").filter((line) => /error|warn|cannot|found/i.test(line)).slice(0, 3);
  return { reason: `no WebGPU adapter${said.length > 0 ? ` (${said.map((line) => line.trim()).join(" ")})` : ""}` };
}

/** @param {string} folder  as `fetchLavapipe` makes it */
function privateEnvironment(folder) {
  const before = process.env.LD_LIBRARY_PATH;
  return {
    ...runtimeFolder(),
    VK_DRIVER_FILES: join(folder, "lvp_icd.json"),
    LD_LIBRARY_PATH: [join(folder, "lib"), ...(before ? [before] : [])].join(":"),
  };
}

/**
 * Mesa and the Wayland library want a folder for sockets, ours alone.
 *
 * @returns {Record<string, string>}
 */
function runtimeFolder() {
  if (process.env.XDG_RUNTIME_DIR) return {};
  const folder = join(cacheFolder(), "run");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { XDG_RUNTIME_DIR: folder };
}

/** @returns {import("./driver-choice.mjs").MachineFacts} */
function machineFacts() {
  const env = process.env;
  return {
    platform: process.platform,
    force: env.ROENTGEN_DRIVER ?? "",
    chosen: env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES || "",
    devices: [
      ...list("/dev/dri").filter((path) => basename(path).startsWith("renderD")),
      ...list("/dev").filter((path) => /^(nvidia\d+|dxg|mali\d+)$/.test(basename(path))),
    ],
    manifests: ["/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d"]
      .flatMap(list)
      .filter((path) => path.endsWith(".json")),
    loader: findLoader() !== undefined,
  };
}

/** Where libvulkan.so.1 is, among the places the dynamic linker looks in. */
function findLoader() {
  const standard = ["/usr/lib64", "/usr/lib", "/lib64", "/lib", "/usr/local/lib"];
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const folders = [...(process.env.LD_LIBRARY_PATH ?? "").split(":").filter(Boolean), ...standard, ...standard.map((f) => join(f, triplet))];
  return folders.map((folder) => join(folder, "libvulkan.so.1")).find((path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0);
}

/**
 * Everything that decides which driver works and is cheap to look at: paths with the time of their last change.
 *
 * @param {import("./driver-choice.mjs").MachineFacts} facts
 */
function fingerprint(facts) {
  const paths = [...facts.manifests, findLoader() ?? "", "/var/lib/dpkg/status", join(root, "node_modules/webgpu/package.json")];
  const changed = paths.map((path) => [path, path === "" ? 0 : (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)]);
  const { LD_LIBRARY_PATH, XDG_RUNTIME_DIR } = process.env;
  return createHash("sha256").update(JSON.stringify([facts, LD_LIBRARY_PATH, XDG_RUNTIME_DIR, process.arch, process.version, changed])).digest("hex");
}

const decisionFile = () => join(cacheFolder(), "driver", "decision.json");

/**
 * @param {string} key
 * @returns {Driver | undefined}
 */
function recall(key) {
  try {
    const { fingerprint, driver } = JSON.parse(readFileSync(decisionFile(), "utf8"));
    const manifest = driver.env.VK_DRIVER_FILES;
    if (fingerprint !== key || (manifest !== undefined && !existsSync(manifest))) return undefined;
    return { ...driver, env: { ...driver.env, ...runtimeFolder() } };
  } catch {
    return undefined; // no decision yet, or one that cannot be read: decide again
  }
}

/**
 * @param {string} key
 * @param {Driver} driver
 */
function remember(key, driver) {
  const file = decisionFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ fingerprint: key, driver }, null, 2));
  renameSync(`${file}.${process.pid}`, file);
  return driver;
}

/**
 * @param {import("./driver-choice.mjs").DriverCandidate} candidate
 * @param {import("./driver-choice.mjs").MachineFacts} facts
 */
function describe({ kind, manifest }, facts) {
  return {
    chosen: `VK_DRIVER_FILES=${facts.chosen}`,
    hardware: `the driver for ${facts.devices.join(", ")}`,
    software: `the system's ${manifest}`,
    native: "the system's GPU",
    private: "a private copy of lavapipe",
  }[kind];
}

/** @param {string[]} refused */
function noDriver(refused) {
  const os = readOs();
  const mirror = distributionSources(readSources(), os, { backports: false }).find((s) => s.suites.includes(os.codename))?.uris[0];
  const command = installCommand(os, mirror);
  return [
    "no WebGPU adapter found. Node needs a Vulkan, Metal or D3D12 driver; a software one is enough. Tried:",
    ...refused.map((reason) => `  ${reason}`),
    ...(process.platform === "linux" ? ["To install one, run:", `  ${process.getuid?.() === 0 ? command.replace(/^sudo /, "") : command}`] : []),
  ].join("\n");
}
