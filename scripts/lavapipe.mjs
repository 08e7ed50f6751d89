// A private copy of Mesa's lavapipe: fetched from the system's package archive, unpacked into the cache folder.
//
// Bookworm's Mesa (22.3) lacks shaderUniformBufferArrayDynamicIndexing, which Dawn requires, so Mesa 25 or newer it is:
// from the release's backports there, from the release itself after it.

import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { majorVersion } from "./apt-sources.mjs";
import { isLavapipe } from "./driver-choice.mjs";
import { SetupError, cacheFolder, installForbidden, list, say } from "./places.mjs";
import { announce, copyName, hasApt, needsBackports, readOs } from "./private-apt.mjs";

const oldestMesa = 25;

const driverFolder = () => join(cacheFolder(), "driver");

/** The newest copy made on this system and architecture. */
export function lavapipeCopy() {
  return list(driverFolder())
    .filter((path) => basename(path).startsWith(copyName("")) && existsSync(join(path, "lvp_icd.json")))
    .sort((a, b) => basename(a).localeCompare(basename(b), "en", { numeric: true }))
    .at(-1);
}

/**
 * Downloads and unpacks lavapipe with the libraries this machine lacks, after saying so.
 *
 * @param {import("./private-apt.mjs").AptSession} session
 * @returns {Promise<string>}  the folder: lvp_icd.json, lib/, copyright/
 * @throws {SetupError} where it cannot be done or is forbidden
 */
export async function fetchLavapipe(session) {
  const os = readOs();
  if (!hasApt(os)) throw new SetupError("no packages to take a software driver from on this system");
  if (installForbidden()) throw new SetupError("ROENTGEN_NO_INSTALL forbids fetching a software driver");
  const folder = driverFolder();
  say(`fetching Mesa's software Vulkan driver into ${folder}; nothing is installed on the system`);
  const apt = await session.open();
  const suite = needsBackports(os) ? `/${os.codename}-backports` : "";
  const packages = await apt.resolve([`mesa-vulkan-drivers${suite}`, "libvulkan1"], { forget: ["mesa", "vulkan-loader"] });
  const mesa = packages.find((p) => p.name === "mesa-vulkan-drivers")?.version ?? "";
  if (!(majorVersion(mesa) >= oldestMesa)) {
    throw new SetupError(`${os.id} ${os.version} offers Mesa ${mesa || "in no version"}; Dawn needs ${oldestMesa} or newer`);
  }
  announce(packages);
  const made = join(apt.folder, "driver");
  gatherDriver(await apt.unpack(packages), made);
  const final = join(folder, copyName(mesa));
  mkdirSync(folder, { recursive: true });
  // Another start may have made the same copy meanwhile, and may be using it.
  if (!existsSync(final)) renameSync(made, final);
  return final;
}

/**
 * Keeps of the unpacked packages the shared libraries (all in one folder), without the other GPUs' drivers, and the
 * copyright notices. The manifest names its library relative to itself, so the folder can be renamed.
 *
 * @param {string} from
 * @param {string} into
 */
function gatherDriver(from, into) {
  const lib = join(into, "lib");
  mkdirSync(lib, { recursive: true });
  for (const folder of ["lib", "usr/lib"].map((f) => join(from, f)).flatMap((f) => [f, ...list(f)])) {
    for (const path of list(folder)) {
      const name = basename(path);
      const info = lstatSync(path);
      if (!/\.so(\.|$)/.test(name) || info.isDirectory() || (/^libvulkan_/.test(name) && name !== "libvulkan_lvp.so")) continue;
      const leavesFolder = info.isSymbolicLink() && readlinkSync(path).includes("/");
      cpSync(leavesFolder ? realpathSync(path) : path, join(lib, name), { verbatimSymlinks: true });
    }
  }
  for (const folder of list(join(from, "usr/share/doc"))) {
    const notice = join(folder, "copyright");
    if (existsSync(notice)) cpSync(notice, join(into, "copyright", basename(folder)), { dereference: true });
  }
  const manifest = list(join(from, "usr/share/vulkan/icd.d")).find(isLavapipe);
  if (!manifest || !existsSync(join(lib, "libvulkan_lvp.so"))) throw new SetupError("the package mesa-vulkan-drivers holds no lavapipe");
  const content = JSON.parse(readFileSync(manifest, "utf8"));
  content.ICD.library_path = "./lib/libvulkan_lvp.so";
  writeFileSync(join(into, "lvp_icd.json"), `${JSON.stringify(content, null, 2)}\n`);
}
