// Vulkan drivers as the loader finds them: JSON manifests ("ICD files") that name a library. Looked at, never executed.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, join } from "node:path";

export interface DriverFile {
  readonly path: string;
  /** Null where the manifest cannot be read. */
  readonly library: string | null;
  readonly apiVersion: string | null;
  /** Named by VK_DRIVER_FILES or VK_ICD_FILENAMES, or lying where the loader looks when neither is set. */
  readonly used: boolean;
}

export interface VulkanFacts {
  /** Where libvulkan.so.1 is, or null. */
  readonly loader: string | null;
  readonly drivers: readonly DriverFile[];
  /** Manifests that the environment names and that are not there. */
  readonly missing: readonly string[];
  /** Device files of GPUs. */
  readonly devices: readonly string[];
}

const mostManifestBytes = 64 * 1024;

/** The loader, the drivers and the GPUs of a Linux system. */
export function vulkanFacts(env: NodeJS.ProcessEnv = process.env): VulkanFacts {
  const named = (env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES || "").split(delimiter).filter(Boolean);
  const cache = env.XDG_CACHE_HOME?.startsWith("/") ? env.XDG_CACHE_HOME : join(homedir(), ".cache");
  const system = ["/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d"].flatMap(list).filter((path) => path.endsWith(".json"));
  const own = list(join(cache, "roentgen", "driver")).map((folder) => join(folder, "lvp_icd.json")).filter((path) => existsSync(path));
  const all = [...new Set([...named, ...system, ...own])];
  return {
    loader: loader(env),
    drivers: all.filter((path) => existsSync(path)).map((path) => ({ path, ...manifest(path), used: named.length > 0 ? named.includes(path) : system.includes(path) })),
    missing: named.filter((path) => !existsSync(path)),
    devices: [...list("/dev/dri").filter((path) => basename(path).startsWith("renderD")), ...list("/dev").filter((path) => /^(nvidia\d+|dxg|mali\d+)$/.test(basename(path)))],
  };
}

/** What a manifest says of its library and version; nulls where it is none. */
export function manifest(path: string): { library: string | null; apiVersion: string | null } {
  try {
    if (statSync(path).size > mostManifestBytes) return { library: null, apiVersion: null };
    const { ICD } = JSON.parse(readFileSync(path, "utf8")) as { ICD?: { library_path?: unknown; api_version?: unknown } };
    const text = (value: unknown) => (typeof value === "string" ? value : null);
    return { library: text(ICD?.library_path), apiVersion: text(ICD?.api_version) };
  } catch {
    return { library: null, apiVersion: null }; // Not a manifest: shown as such.
  }
}

function loader(env: NodeJS.ProcessEnv): string | null {
  const standard = ["/usr/lib64", "/usr/lib", "/lib64", "/lib", "/usr/local/lib"];
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const folders = [...(env.LD_LIBRARY_PATH ?? "").split(delimiter).filter(Boolean), ...standard, ...standard.map((folder) => join(folder, triplet))];
  return folders.map((folder) => join(folder, "libvulkan.so.1")).find((path) => existsSync(path)) ?? null;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort().map((name) => join(folder, name));
  } catch {
    return []; // Not there, or not ours to read: either way it holds no driver for us.
  }
}
