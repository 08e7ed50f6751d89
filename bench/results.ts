// A results file: one run of the benchmarks, with all that its figures depend on and nothing that names a person or a machine.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigError } from "@roentgen/core";
import { z } from "zod";

const engine = z.string().min(1).max(40);
/** A name of ours or of an adapter. */
const words = z.string().max(400);
const finite = z.number().finite();

/** Times of one unit of work in milliseconds, all rounds together. */
const result = z.strictObject({
  case: words,
  engine,
  samples: z.int().nonnegative(),
  medianMs: finite,
  minMs: finite,
  lowerQuartileMs: finite,
  upperQuartileMs: finite,
  /** Of every round; rounds of different engines alternate. */
  roundMediansMs: z.array(finite).min(1),
  gflopPerSecond: finite.optional(),
  gigabytesPerSecond: finite.optional(),
  /** Processor time of all threads in the best round: on a software adapter the work itself, whatever else the machine did. */
  cpuMs: finite.optional(),
});

/**
 * What was reached by each engine that does the work; "more" is better for rates, "less" for times. Of the best round. `cpuMs` is the
 * processor time of the same work.
 */
const figure = z.strictObject({ name: words, unit: words, better: z.enum(["more", "less"]), values: z.record(engine, finite), cpuMs: z.record(engine, finite).optional() });

/**
 * A target of ours, as a floor or (`atMost`) a ceiling. It holds or not by the clock; `byCpu` is the value that processor time gives
 * for an adapter that computes on it, shared out over two cores: what a machine without neighbours would come near to.
 */
const target = z.strictObject({ what: words, value: finite, unit: words, limit: finite, atMost: z.boolean(), holds: z.boolean(), byCpu: finite.optional() });

/** That an engine computes the same: the largest difference against the largest value, or losses that fall (1 if not, else 0). */
const check = z.strictObject({ case: words, engine, what: z.enum(["values", "first loss", "loss falls"]), error: finite.nullable(), tolerance: finite, holds: z.boolean() });

const benchmark = z.strictObject({
  name: words,
  question: words,
  seconds: finite,
  engines: z.record(engine, z.strictObject({ version: words, backend: words, toggles: z.array(words) })),
  results: z.array(result),
  figures: z.array(figure),
  targets: z.array(target),
  checks: z.array(check),
  notes: z.array(z.strictObject({ what: words, value: finite, unit: words })),
  /** Peers that were asked for, and work, that did not run, and why. */
  missing: z.array(z.strictObject({ engine, what: words, why: z.string().max(2000) })),
});

export const runSchema = z.strictObject({
  format: z.literal("roentgen-bench/1"),
  date: z.iso.datetime(),
  roentgen: words,
  commit: z.string().regex(/^[0-9a-f]{40}$/).nullable(),
  /** Whether files differ from the commit. */
  modified: z.boolean(),
  machine: z.strictObject({
    cpu: words, cores: z.int().positive(), memoryGiB: finite, system: words, node: words,
    /** Of the last minute, when the run began and ended: more than the cores means busy neighbours, and figures to read as ratios at most. */
    load: z.strictObject({ start: finite, end: finite }),
  }),
  adapter: z.strictObject({ vendor: words, architecture: words, device: words, description: words, software: z.boolean(), subgroupSize: z.int().nonnegative(), toggles: z.array(words) }),
  options: z.strictObject({ what: z.array(words), peers: z.array(engine), budgetSeconds: finite, rounds: z.int().positive() }),
  benchmarks: z.array(benchmark),
});

export type Run = z.infer<typeof runSchema>;
export type BenchmarkResult = z.infer<typeof benchmark>;
export type Result = z.infer<typeof result>;
export type Figure = z.infer<typeof figure>;
export type Target = z.infer<typeof target>;
export type Check = z.infer<typeof check>;
export type EngineVersions = BenchmarkResult["engines"];

/** Ours among the engines. */
export const ours = "roentgen";

export const readBenchmark = (path: string): BenchmarkResult => benchmark.parse(JSON.parse(readFileSync(path, "utf8")));

/** How many times faster ours is than a peer by a figure; null where one of them has no value. */
export function ratio({ better, values }: Figure, peer: string): number | null {
  const [own, other] = [values[ours], values[peer]];
  if (own === undefined || other === undefined || !(own > 0) || !(other > 0)) return null;
  return better === "more" ? own / other : other / own;
}

/** The same by processor time. */
export function cpuRatio({ cpuMs = {} }: Figure, peer: string): number | null {
  const [own, other] = [cpuMs[ours], cpuMs[peer]];
  return own !== undefined && other !== undefined && own > 0 && other > 0 ? other / own : null;
}

/** Files larger than this are no results file. */
const mostBytes = 8e6;

/** Throws ConfigError for a file that is no results file. */
export function readRun(path: string): Run {
  const text = readFileSync(path, "utf8");
  let json: unknown;
  try {
    if (text.length > mostBytes) throw new Error(`it has ${text.length} characters, more than ${mostBytes}`);
    json = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${path}: expected a results file of \`roentgen bench\`: ${error instanceof Error ? error.message : error}.`);
  }
  const parsed = runSchema.safeParse(json);
  if (!parsed.success) throw new ConfigError(`${path}: expected a results file of \`roentgen bench\`: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** All results files of a folder, oldest first. */
export function readRuns(folder: string): Run[] {
  return namesIn(folder).map((name) => readRun(join(folder, name))).sort((a, b) => a.date.localeCompare(b.date));
}

/** Names of a folder's results files. */
export const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : []);

/** Creates the folder of a file that is to be written later. Throws ConfigError if it cannot be written there; a file of that name stays as it is. */
export async function prepareFile(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const there = await stat(path).catch(() => null);
    if (there && !there.isFile()) throw new Error(`it is ${there.isDirectory() ? "a folder" : "no ordinary file"}`);
    // What a file system allows is known by trying alone.
    const trial = `${path}.${process.pid}.try`;
    await writeFile(trial, "", { flag: "wx" });
    await rm(trial);
  } catch (error) {
    throw new ConfigError(`bench: ${path} cannot be written: ${error instanceof Error ? error.message : error}.`);
  }
}

/** `20261123-070500-llvmpipe.json`; with a number where there are such files. */
export function fileName({ date, adapter }: Pick<Run, "date" | "adapter">, taken: readonly string[] = []): string {
  const name = (adapter.description || adapter.device || adapter.vendor || "unnamed").split(/[:(]/)[0] ?? "";
  const stem = `${date.slice(0, 19).replace(/[-:]/g, "").replace("T", "-")}-${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "unnamed"}`;
  for (let n = 1; ; n++) {
    const file = `${stem}${n === 1 ? "" : `-${n}`}.json`;
    if (!taken.includes(file)) return file;
  }
}
