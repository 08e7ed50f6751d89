// Whether node_modules is what package-lock.json asks for. Pure functions of the two lock files.

/**
 * @typedef {Record<string, { version?: string, link?: boolean, optional?: boolean,
 *   optionalDependencies?: Record<string, string> }>} LockedPackages
 */

/** The oldest Node that vite, vitest and webgpu all run on. */
export const oldestNode = "20.19.0";

/**
 * @param {string} version  such as process.versions.node
 * @returns {string | undefined}  what to tell the user, undefined where the version will do
 */
export function nodeComplaint(version) {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const [wantMajor = 0, wantMinor = 0] = oldestNode.split(".").map(Number);
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return undefined;
  return `Node ${oldestNode} or newer is needed, this is ${version}. Install a newer one and run the same command again.`;
}

/**
 * True where an earlier `npm install` or `npm ci` left exactly the locked versions, so nothing need be installed again.
 *
 * @param {LockedPackages} wanted     `packages` of package-lock.json
 * @param {LockedPackages} installed  `packages` of node_modules/.package-lock.json
 *   optional packages may be absent: most are made for other machines or versions of Node
 */
export function isInstalled(wanted, installed) {
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) return true; // the root or a workspace
    const present = installed[path];
    if (!present) return Boolean(entry.optional);
    return Boolean(entry.link) || present.version === entry.version;
  });
}

/**
 * Packages that this platform needs as a native part of another, and that the lock file says nothing about: npm drops
 * what it could not see when the lock was made. With any of these missing `npm ci` installs tools that do not start.
 *
 * @param {LockedPackages} packages  of package-lock.json
 * @param {{ platform: string, arch: string, musl?: boolean }} machine
 * @returns {string[]}
 */
export function unlockedNatives(packages, { platform, arch, musl = false }) {
  const locked = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)));
  const system = { win32: "(win32|windows)", darwin: "darwin" }[platform] ?? platform;
  const processor = { x64: "(x64|64)" }[arch] ?? arch;
  const libc = platform === "linux" ? (musl ? "(-musl)?" : "(-gnu)?") : platform === "win32" ? "(-msvc)?" : "";
  const native = new RegExp(`[/-]${system}-${processor}${libc}$`);
  const needed = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  return [...new Set(needed)].filter((name) => native.test(name) && !locked.has(name)).sort();
}
