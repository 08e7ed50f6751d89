// Debian packages without installing them.
//
// apt resolves, downloads and verifies signatures as always, but against a state folder of our own: own sources (the
// machine's, perhaps with backports), own lists, own package database (see `resolverStatus`), own cache. `dpkg-deb -x`
// then unpacks into a folder of our choice. It needs no root, runs no maintainer script and leaves the system as it was.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { distributionSources, formatSources, parseDeb822Sources, parseOsRelease, parsePrintUris, parseSourcesList, resolverStatus } from "./apt-sources.mjs";
import { SetupError, cacheFolder, list, megabytes, say } from "./places.mjs";

const run = promisify(execFile);

// Replacing the C library of a running process is not possible, and these are on every machine that runs Node.
const NEVER_UNPACKED = new Set(["libc6", "libc-bin", "libgcc-s1", "base-files"]);

/** What the system says about itself; all absent on a machine that is no Linux. */
export function readOs() {
  const path = ["/etc/os-release", "/usr/lib/os-release"].find((p) => existsSync(p));
  return parseOsRelease(path ? readFileSync(path, "utf8") : "");
}

/** Every archive that apt is configured with, ours to choose from. */
export function readSources() {
  const sources = [];
  if (existsSync("/etc/apt/sources.list")) sources.push(...parseSourcesList(readFileSync("/etc/apt/sources.list", "utf8")));
  for (const path of list("/etc/apt/sources.list.d")) {
    if (path.endsWith(".list")) sources.push(...parseSourcesList(readFileSync(path, "utf8")));
    if (path.endsWith(".sources")) sources.push(...parseDeb822Sources(readFileSync(path, "utf8")));
  }
  return sources;
}

/** True where apt and dpkg are there and the system is one whose archives we know. */
export function hasApt(os = readOs()) {
  return (os.id === "debian" || os.id === "ubuntu") && existsSync("/usr/bin/apt-get") && existsSync("/usr/bin/dpkg-deb");
}

/**
 * Debian 12's own Mesa is too old and its backports are not configured by default.
 *
 * @param {{ id: string, version: number }} os
 */
export const needsBackports = (os) => os.id === "debian" && os.version === 12;

/**
 * The name of a folder of unpacked packages. A home folder may be shared between systems, a driver may not.
 *
 * @param {string} packageVersion  "" gives what all names on this system begin with
 */
export function copyName(packageVersion) {
  const { id, version } = readOs();
  return `${id}${Number.isNaN(version) ? "" : version}-${process.arch}-${packageVersion.replaceAll(/[^\w.+~-]/g, "_")}`;
}

/**
 * Says what is about to be downloaded.
 *
 * @param {{ name: string, version: string, bytes: number }[]} packages
 */
export function announce(packages) {
  say(`downloading ${packages.length} packages, ${megabytes(packages.reduce((sum, p) => sum + p.bytes, 0))}:`);
  for (const { name, version, bytes } of packages) process.stderr.write(`  ${name} ${version}, ${megabytes(bytes)}\n`);
}

/** One private apt state for several downloads, opened when the first of them needs it. */
export class AptSession {
  /** @type {Promise<PrivateApt> | undefined} */
  #apt;

  /** @throws {SetupError} where the package lists cannot be read */
  open() {
    return (this.#apt ??= openPrivateApt(cacheFolder()));
  }

  /** Removes the state; what was unpacked stays. */
  async close() {
    const apt = await this.#apt?.catch(() => undefined);
    apt?.close();
  }
}

/**
 * Opens a private apt state in a new folder under `parent` and reads the package lists into it.
 *
 * @param {string} parent
 * @returns {Promise<PrivateApt>}
 * @throws {SetupError} with apt's own words where the lists cannot be read
 */
async function openPrivateApt(parent) {
  const os = readOs();
  const sources = distributionSources(readSources(), os, { backports: needsBackports(os) });
  if (sources.length === 0) {
    throw new SetupError(`apt has no source for ${os.id} ${os.codename}, so there is nowhere to fetch packages from. Add one under /etc/apt/sources.list.d.`);
  }
  const keyrings = ["gpg", "pgp"].map((ending) => `/usr/share/keyrings/${os.id}-archive-keyring.${ending}`);
  const keyring = sources.find((s) => s.signedBy)?.signedBy ?? keyrings.find((path) => existsSync(path));
  if (!keyring) throw new SetupError(`the keys that sign ${os.id}'s packages are not on this machine (${keyrings[0]}).`);

  mkdirSync(parent, { recursive: true });
  for (const path of list(parent).filter((path) => basename(path).startsWith("apt-"))) {
    // Left behind by a run that was killed; one that is still going is younger than this.
    if (Date.now() - statSync(path).mtimeMs > 3_600_000) rmSync(path, { recursive: true, force: true });
  }
  const folder = mkdtempSync(join(parent, "apt-"));
  try {
    const architecture = (await run("dpkg", ["--print-architecture"])).stdout.trim();
    for (const name of ["lists/partial", "archives/partial", "sources.d", "none"]) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, "sources.d/own.sources"), formatSources(sources, { architecture, keyring }));
    writeFileSync(join(folder, "status"), "");
    writeFileSync(join(folder, "apt.conf"), configuration(folder));
    const apt = new PrivateApt(folder, architecture);
    say("reading the package lists");
    await apt.apt(["update"]);
    return apt;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** An open private apt state. */
class PrivateApt {
  /**
   * @param {string} folder
   * @param {string} architecture  dpkg's name for it, such as amd64
   */
  constructor(folder, architecture) {
    this.folder = folder;
    this.architecture = architecture;
  }

  /**
   * Which packages have to be fetched so that `names` would work on this machine. A name may carry a suite, as in
   * `mesa-vulkan-drivers/bookworm-backports`.
   *
   * @param {string[]} names
   * @param {{ forget?: string[], assume?: string[] }} options  as in `resolverStatus`
   */
  async resolve(names, { forget = [], assume = [] } = {}) {
    const status = readFileSync("/var/lib/dpkg/status", "utf8");
    writeFileSync(join(this.folder, "status"), resolverStatus(status, { forget, assume, architecture: this.architecture }));
    const output = await this.apt(["install", "--print-uris", "-qq", "-y", "--no-install-recommends", ...names]);
    return parsePrintUris(output).filter((p) => !NEVER_UNPACKED.has(p.name));
  }

  /**
   * Downloads what `resolve` found (verified by apt) and unpacks it all into one new folder, inside our own.
   *
   * @param {{ name: string, version: string }[]} packages
   * @returns {Promise<string>}  the folder; gone with `close()` unless it is moved away
   */
  async unpack(packages) {
    const archives = join(this.folder, "archives");
    await this.apt(["download", "-qq", ...packages.map((p) => `${p.name}=${p.version}`)], archives);
    const into = mkdtempSync(join(this.folder, "unpacked-"));
    for (const file of list(archives).filter((path) => path.endsWith(".deb"))) {
      await run("dpkg-deb", ["-x", file, into]);
      rmSync(file);
    }
    return into;
  }

  /**
   * The version apt would choose for a package, "" where it knows none.
   *
   * @param {string} name
   */
  async candidate(name) {
    const { stdout } = await run("apt-cache", ["-c", join(this.folder, "apt.conf"), "policy", name], { env: plainEnvironment() });
    const version = /Candidate: (\S+)/.exec(stdout)?.[1] ?? "";
    return version === "(none)" ? "" : version;
  }

  close() {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * @param {string[]} args
   * @param {string} cwd
   */
  async apt(args, cwd = this.folder) {
    try {
      const { stdout } = await run("apt-get", ["-c", join(this.folder, "apt.conf"), ...args], {
        cwd,
        env: plainEnvironment(),
        maxBuffer: 64 << 20,
      });
      return stdout;
    } catch (error) {
      const { stderr = "", message = "" } = /** @type {{ stderr?: string, message?: string }} */ (error);
      const said = stderr.split("\n").filter((line) => /^[EW]:/.test(line)).slice(0, 8).join("\n  ");
      throw new SetupError(`apt-get ${args[0]} failed:\n  ${said || message}`);
    }
  }
}

const plainEnvironment = () => ({ ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" });

// Read after the machine's own configuration, so proxies and credentials stay and only the places change. Hooks are
// cleared because they act on the system's folders; the sandbox user is root because that user cannot enter a home folder.
/** @param {string} folder */
function configuration(folder) {
  const places = {
    "Dir::State": folder,
    "Dir::State::status": join(folder, "status"),
    "Dir::State::lists": join(folder, "lists"),
    "Dir::Cache": folder,
    "Dir::Cache::archives": join(folder, "archives"),
    "Dir::Cache::pkgcache": "",
    "Dir::Cache::srcpkgcache": "",
    "Dir::Log": folder,
    "Dir::Etc::sourcelist": "/dev/null",
    "Dir::Etc::sourceparts": join(folder, "sources.d"),
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": join(folder, "none"),
    "APT::Sandbox::User": "root",
    "APT::Default-Release": "",
    "APT::Install-Recommends": "false",
    "APT::Get::AllowUnauthenticated": "false",
    "Acquire::AllowInsecureRepositories": "false",
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
  };
  return [
    "#clear APT::Update::Pre-Invoke;",
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
    "#clear DPkg::Pre-Install-Pkgs;",
    "#clear DPkg::Post-Invoke;",
    ...Object.entries(places).map(([key, value]) => `${key} "${value}";`),
    "",
  ].join("\n");
}
