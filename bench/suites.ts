// Which benchmarks there are, and how they are grouped for the command line.

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError } from "@roentgen/core";

export const suites = {
  kernels: ["conv2d", "matmul", "batch-norm", "optimizer", "replay"],
  models: ["train-step", "train-unet", "infer"],
  memory: ["memory"],
  startup: ["start-up"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const isSuite = (name: string): name is keyof typeof suites => Object.hasOwn(suites, name);

/** Every `*.bench.ts`, the suites' first and in their order. */
export function benchmarks(): string[] {
  const found = readdirSync(fileURLToPath(new URL(".", import.meta.url))).filter((file) => file.endsWith(".bench.ts")).map((file) => file.slice(0, -".bench.ts".length));
  const ordered: string[] = Object.values(suites).flat();
  return [...ordered, ...found.filter((name) => !ordered.includes(name)).sort()];
}

/** The benchmarks that names of suites and benchmarks mean; all of them without a name. Throws ConfigError for another name. */
export function chosen(names: readonly string[]): string[] {
  const known = benchmarks();
  const unknown = names.filter((name) => !isSuite(name) && !known.includes(name));
  if (unknown.length > 0) throw new ConfigError(`bench: nothing is called ${unknown.join(", ")}. There are the suites ${Object.keys(suites).join(", ")} and the benchmarks ${known.join(", ")}.`);
  const wanted = new Set(names.flatMap((name) => (isSuite(name) ? [...suites[name]] : [name])));
  return names.length === 0 ? known : known.filter((name) => wanted.has(name));
}
