import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ConfigError } from "@roentgen/core";
import { exitCodes } from "../failure.ts";

export interface BenchOptions {
  readonly peers: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  readonly json?: string;
  readonly save?: boolean;
  readonly native?: boolean;
  readonly page?: string | true;
}

/**
 * `roentgen bench`: runs `bench/main.ts` of the checkout that this command belongs to, in a process of its own, and ends as it does.
 * The benchmarks are sources beside the packages, with tools of development and peers that no user of the engine needs, so they are
 * nowhere else.
 */
export async function bench(what: readonly string[], options: BenchOptions): Promise<void> {
  const root = checkoutAround(dirname(fileURLToPath(import.meta.url)));
  if (root === null) throw new ConfigError("bench: the benchmarks are part of the repository, and this command is not. Clone the repository and run `npm run bench` there.");
  const require = createRequire(join(root, "package.json"));
  let tsx: string;
  try {
    tsx = require.resolve("tsx");
  } catch {
    throw new ConfigError(`bench: the tools that run TypeScript sources are not installed. Run \`npm ci\` in ${root}.`);
  }
  const child = spawn(process.execPath, ["--import", pathToFileURL(tsx).href, "--conditions=source", join(root, "bench/main.ts"), JSON.stringify({ what, ...options })], { stdio: "inherit" });
  // A terminal sends Ctrl-C to the child as well; what reaches us alone is passed on.
  const wait = () => undefined;
  const end = () => void child.kill("SIGTERM");
  process.on("SIGINT", wait).on("SIGTERM", end);
  try {
    process.exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(signal ? exitCodes.interrupted : (code ?? exitCodes.failed)));
    });
  } finally {
    process.off("SIGINT", wait).off("SIGTERM", end);
  }
}

/** The nearest folder upwards that is this repository with its benchmarks; null where there is none. */
export function checkoutAround(folder: string): string | null {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "bench/main.ts")) && isOurs(join(at, "package.json"))) return at;
    if (dirname(at) === at) return null;
  }
}

function isOurs(manifest: string): boolean {
  try {
    return (JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown }).name === "roentgen";
  } catch {
    return false;
  }
}
