// A Chromium for the browser tests: the machine's own, else a private copy unpacked into the cache folder.
//
// The copy is Debian's chromium-headless-shell: the same engine without the desktop, a third of the libraries. It is
// reached through a small launcher that sets the library path and fonts for the browser alone. ROENTGEN_CHROMIUM names
// another; ROENTGEN_CHROMIUM=private uses the copy even where the system has one.

import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { runQuietly } from "./children.mjs";
import { SetupError, cacheFolder, installForbidden, list, say } from "./places.mjs";
import { AptSession, announce, copyName, hasApt } from "./private-apt.mjs";

const installed = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

// Shell scripts for a desktop session that a headless browser never calls; their dependencies are half of the download.
const notNeeded = ["x11-utils", "xdg-utils"];

const browserFolder = () => join(cacheFolder(), "chromium");

/**
 * @param {{ apt?: AptSession }} options  apt: a session to share with other downloads; the caller closes it
 * @returns {Promise<string>}  the path of an executable for playwright
 * @throws {SetupError} where there is none and none can be had, with what to do
 */
export async function ensureChromium({ apt } = {}) {
  const chosen = process.env.ROENTGEN_CHROMIUM ?? "";
  if (chosen !== "" && chosen !== "private") {
    if (existsSync(chosen)) return chosen;
    throw new SetupError(`ROENTGEN_CHROMIUM=${chosen}: there is no such file`);
  }
  const system = installed.find((path) => existsSync(path));
  if (system && chosen !== "private") return system;
  const copies = list(browserFolder()).filter((path) => basename(path).startsWith(copyName(""))).map((path) => join(path, "chromium"));
  for (const copy of copies) {
    if ((await runQuietly(copy, ["--version"])).code === 0) return copy;
  }

  if (!hasApt()) throw new SetupError("no Chromium or Chrome for the browser tests. Install one, or set ROENTGEN_CHROMIUM to its path.");
  const command = "apt-get update && apt-get install -y --no-install-recommends chromium";
  if (installForbidden()) throw new SetupError(`no Chromium for the browser tests, and ROENTGEN_NO_INSTALL forbids fetching one. Run:\n  sudo sh -c '${command}'`);
  const session = apt ?? new AptSession();
  try {
    return await fetchChromium(session);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    if (process.getuid?.() !== 0) throw new SetupError(`${error.message}\nTo install Chromium instead, run:\n  sudo sh -c '${command}'`);
    say(`${error.message}`);
    say(`installing Debian's chromium on the system instead: ${command}`);
    const { code, output } = await runQuietly("sh", ["-c", command], { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    if (code !== 0) throw new SetupError(`apt-get install chromium failed:\n${output.slice(-2000)}`);
    return "/usr/bin/chromium";
  } finally {
    if (!apt) await session.close();
  }
}

/** @param {AptSession} session */
async function fetchChromium(session) {
  const folder = browserFolder();
  say(`no Chromium on this machine: fetching one for the browser tests into ${folder}; nothing is installed on the system`);
  const apt = await session.open();
  const name = (await apt.candidate("chromium-headless-shell")) === "" ? "chromium" : "chromium-headless-shell";
  const packages = await apt.resolve([name], { assume: notNeeded });
  const version = packages.find((p) => p.name === name)?.version;
  if (!version) throw new SetupError(`apt offers no ${name} to unpack`);
  announce(packages);
  const unpacked = await apt.unpack(packages);
  const final = join(folder, copyName(version));
  const program = join(unpacked, "usr/lib/chromium", name);
  if (!existsSync(program)) throw new SetupError(`the package ${name} ${version} holds no program where it was looked for`);
  // The launcher and the font list name absolute paths, so they are written for where the folder will be.
  writeLauncher(unpacked, final, name);
  mkdirSync(folder, { recursive: true });
  rmSync(final, { recursive: true, force: true });
  renameSync(unpacked, final);
  const launcher = join(final, "chromium");
  const check = await runQuietly(launcher, ["--headless", "--disable-gpu", "--dump-dom", "data:text/html,<p>roentgen</p>"], { timeoutMs: 60_000 });
  if (check.code !== 0 || !check.stdout.includes("roentgen")) {
    rmSync(final, { recursive: true, force: true });
    throw new SetupError(`the unpacked Chromium does not run:\n${check.output.trim().split("\n").slice(-5).join("\n")}`);
  }
  return launcher;
}

/**
 * @param {string} unpacked  where the packages are
 * @param {string} final     where they will be
 * @param {string} program   the browser's name in usr/lib/chromium
 */
function writeLauncher(unpacked, final, program) {
  const folders = ["usr/lib", "lib"].flatMap((lib) => {
    const triplets = list(join(unpacked, lib)).filter((path) => /-linux-gnu/.test(basename(path)));
    return triplets.flatMap((path) => [path, ...list(path).filter((inner) => statSync(inner).isDirectory() && list(inner).some((file) => /\/lib[^/]*\.so/.test(file)))]);
  });
  const libraries = folders.map((path) => final + path.slice(unpacked.length)).join(":");
  const fonts = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    "<fontconfig>",
    `  <dir>${final}/usr/share/fonts</dir>`,
    "  <dir>/usr/share/fonts</dir>",
    `  <cachedir>${final}/fontconfig</cachedir>`,
    "</fontconfig>",
    "",
  ];
  writeFileSync(join(unpacked, "fonts.conf"), fonts.join("\n"));
  const launcher = [
    "#!/bin/sh",
    "# An unpacked browser has no setuid sandbox, hence --no-sandbox; it is for this project's own pages.",
    "# Its own software Vulkan driver is not found where these variables name another.",
    "unset VK_DRIVER_FILES VK_ICD_FILENAMES",
    `export LD_LIBRARY_PATH="${libraries}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`,
    `export FONTCONFIG_FILE="${final}/fonts.conf"`,
    `exec "${final}/usr/lib/chromium/${program}" --no-sandbox "$@"`,
    "",
  ];
  writeFileSync(join(unpacked, "chromium"), launcher.join("\n"));
  chmodSync(join(unpacked, "chromium"), 0o755);
}
