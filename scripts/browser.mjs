// Browsers for the tests: the machine's own, else private copies unpacked into the cache folder.
//
// Chromium's copy is Debian's chromium-headless-shell: the same engine without the desktop, a third of the libraries.
// Copies are reached through a small launcher that sets the library path and fonts for the browser alone.
// ROENTGEN_CHROMIUM and ROENTGEN_FIREFOX name others; `private` uses the copy even where the system has one.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runQuietly } from "./children.mjs";
import { SetupError, cacheFolder, installForbidden, list, say } from "./places.mjs";
import { AptSession, announce, copyName, hasApt } from "./private-apt.mjs";

/**
 * @typedef {object} Browser
 * @property {string} name
 * @property {string} variable                        of the environment, names an executable
 * @property {string} command                         of the system's package, and of the launcher of a copy
 * @property {number} oldest                          version that has WebGPU
 * @property {readonly string[]} installed            where a system may have it
 * @property {readonly string[]} packages             to unpack, the better first
 * @property {(packageName: string) => string} program  in an unpacked package
 * @property {readonly string[]} launch               lines of the launcher before the browser starts
 * @property {string} options                         the launcher's own for the browser
 * @property {(profile: string, picture: string) => readonly string[]} shoot  arguments of a run that makes a picture of a page
 */

/** @type {Browser} */
export const chromium = {
  name: "Chromium",
  variable: "ROENTGEN_CHROMIUM",
  command: "chromium",
  oldest: 113,
  installed: [
    "/usr/bin/chromium",
    "/usr/bin/chromium-headless-shell",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  ],
  packages: ["chromium-headless-shell", "chromium"],
  program: (packageName) => `usr/lib/chromium/${packageName}`,
  launch: [
    "# An unpacked browser has no setuid sandbox, hence --no-sandbox; it is for this project's own pages.",
    "# Its own software Vulkan driver is not found where these variables name another.",
    "unset VK_DRIVER_FILES VK_ICD_FILENAMES",
  ],
  options: "--no-sandbox ",
  shoot: (profile, picture) => ["--headless", "--disable-gpu", `--user-data-dir=${profile}`, `--screenshot=${picture}`],
};

/** @type {Browser} */
export const firefox = {
  name: "Firefox",
  variable: "ROENTGEN_FIREFOX",
  command: "firefox-esr",
  oldest: 141,
  installed: [
    "/usr/bin/firefox-esr",
    "/usr/bin/firefox",
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
  ],
  packages: ["firefox-esr"],
  program: () => "usr/lib/firefox-esr/firefox-esr",
  launch: [],
  options: "",
  shoot: (profile, picture) => ["--headless", "--no-remote", "--profile", profile, "--screenshot", picture],
};

// Shell scripts for a desktop session that a headless browser never calls; their dependencies are half of the download.
const notNeeded = ["x11-utils", "xdg-utils"];

/** @param {Browser} browser */
const folderOf = (browser) => join(cacheFolder(), browser.command);

/**
 * @param {Browser} browser
 * @param {{ apt?: AptSession }} options  apt: a session to share with other downloads; the caller closes it
 * @returns {Promise<string>}  the path of an executable
 * @throws {SetupError} where there is none and none can be had, with what to do
 */
export async function ensureBrowser(browser, { apt } = {}) {
  const { name, variable, installed } = browser;
  const chosen = process.env[variable] ?? "";
  if (chosen !== "" && chosen !== "private") {
    if (existsSync(chosen)) return chosen;
    throw new SetupError(`${variable}=${chosen}: there is no such file`);
  }
  const system = chosen === "private" ? [] : installed.filter((path) => existsSync(path));
  const copies = list(folderOf(browser)).filter((path) => basename(path).startsWith(copyName(""))).map((path) => join(path, browser.command));
  for (const path of [...system, ...copies]) {
    if ((await versionOf(path)) >= browser.oldest) return path;
  }

  if (!hasApt()) throw new SetupError(`no ${name} for the browser tests. Install one, or set ${variable} to its path.`);
  const command = `apt-get update && apt-get install -y --no-install-recommends ${browser.command}`;
  if (installForbidden()) throw new SetupError(`no ${name} for the browser tests, and ROENTGEN_NO_INSTALL forbids fetching one. Run:\n  sudo sh -c '${command}'`);
  const session = apt ?? new AptSession();
  let copy;
  try {
    copy = await fetchCopy(browser, session);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    if (process.getuid?.() !== 0) throw new SetupError(`${error.message}\nTo install ${name} instead, run:\n  sudo sh -c '${command}'`);
    say(`${error.message}`);
    say(`installing ${name} on the system instead: ${command}`);
    const { code, output } = await runQuietly("sh", ["-c", command], { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    if (code !== 0) throw new SetupError(`apt-get install ${browser.command} failed:\n${output.slice(-2000)}`);
    return `/usr/bin/${browser.command}`;
  } finally {
    if (!apt) await session.close();
  }
  if (!copy) throw new SetupError(`apt offers no ${name} of version ${browser.oldest} or later, the first with WebGPU. Install one for the browser tests, or set ${variable} to its path.`);
  return copy;
}

/**
 * The first number of what a browser calls itself; NaN if it does not run.
 *
 * @param {string} path
 */
async function versionOf(path) {
  if (process.platform === "win32") return Infinity; // asked for its version there, a browser opens a window
  const { code, stdout } = await runQuietly(path, ["--version"]);
  return code === 0 ? Number.parseInt(/\d+/.exec(stdout)?.[0] ?? "", 10) : NaN;
}

/**
 * @param {Browser} browser
 * @param {AptSession} session
 * @returns {Promise<string | null>}  the launcher; null where apt has no such browser, or one without WebGPU
 */
async function fetchCopy(browser, session) {
  const folder = folderOf(browser);
  const apt = await session.open();
  let name = "";
  for (const candidate of browser.packages) name ||= Number.parseInt(await apt.candidate(candidate), 10) >= browser.oldest ? candidate : "";
  if (name === "") return null;
  say(`no ${browser.name} on this machine: fetching one for the browser tests into ${folder}; nothing is installed on the system`);
  const packages = await apt.resolve([name], { assume: notNeeded });
  const version = packages.find((p) => p.name === name)?.version;
  if (!version) throw new SetupError(`apt offers no ${name} to unpack`);
  announce(packages);
  const unpacked = await apt.unpack(packages);
  const final = join(folder, copyName(version));
  if (!existsSync(join(unpacked, browser.program(name)))) throw new SetupError(`the package ${name} ${version} holds no program where it was looked for`);
  // The launcher and the font list name absolute paths, so they are written for where the folder will be.
  writeLauncher(unpacked, final, browser, browser.program(name));
  mkdirSync(folder, { recursive: true });
  rmSync(final, { recursive: true, force: true });
  renameSync(unpacked, final);
  const launcher = join(final, browser.command);
  const scratch = mkdtempSync(join(tmpdir(), "roentgen-browser-"));
  const picture = join(scratch, "page.png");
  const check = await runQuietly(launcher, [...browser.shoot(scratch, picture), "data:text/html,<p>roentgen</p>"], { timeoutMs: 60_000 });
  const works = check.code === 0 && existsSync(picture);
  rmSync(scratch, { recursive: true, force: true });
  if (!works) {
    rmSync(final, { recursive: true, force: true });
    throw new SetupError(`the unpacked ${browser.name} does not run:\n${check.output.trim().split("\n").slice(-5).join("\n")}`);
  }
  return launcher;
}

/**
 * @param {string} unpacked  where the packages are
 * @param {string} final     where they will be
 * @param {Browser} browser
 * @param {string} program   the browser's path there
 */
function writeLauncher(unpacked, final, browser, program) {
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
    ...browser.launch,
    `export LD_LIBRARY_PATH="${libraries}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`,
    `export FONTCONFIG_FILE="${final}/fonts.conf"`,
    `exec "${final}/${program}" ${browser.options}"$@"`,
    "",
  ];
  writeFileSync(join(unpacked, browser.command), launcher.join("\n"));
  chmodSync(join(unpacked, browser.command), 0o755);
}
