import { execFile } from "node:child_process";
import { arch, cpus, platform, release } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DeviceInfo } from "@roentgen/gpu";
import type { Environment } from "@roentgen/runner";
import { version } from "./program.ts";

/** What a report says of where it was made. */
export async function environmentOf({ vendor, architecture, device, description, software, toggles }: DeviceInfo): Promise<Environment> {
  const processors = cpus();
  return {
    roentgen: version,
    commit: await commit(),
    runtime: `Node ${process.version}`,
    system: `${platform()} ${arch()}, ${release()}; ${processors.length} x ${processors[0]?.model.trim() || "unknown processor"}`,
    adapter: { vendor, architecture, device, description, software, toggles },
  };
}

/** The commit of the checkout this runs from; null where it is none, or git is missing. */
async function commit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: dirname(fileURLToPath(import.meta.url)), timeout: 5000 });
    return /^[0-9a-f]{40,64}$/.test(stdout.trim()) ? stdout.trim() : null;
  } catch {
    return null;
  }
}
