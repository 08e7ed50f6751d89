// What every benchmark here shares: a device, benchmark.js (deferred: each repetition ends when the queue is idle), medians and
// quartiles, floors, PyTorch on the same work in the same run, and one line of facts without which a figure means nothing.
//
//   npm run bench -- conv2d --json results.json --budget 2 --rounds 3

import { execFile } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type Device } from "@roentgen/gpu";
import { openDevice } from "@roentgen/gpu/node";
import Benchmark from "benchmark";

export interface Case {
  readonly name: string;
  /** One repetition: ends when the GPU is idle. Returns milliseconds if it measured something narrower than its own duration. */
  readonly run: () => Promise<number | void>;
  /** Units of work in a repetition; figures are for one unit. */
  readonly units?: number;
  /** Floating-point operations and bytes moved by one unit. */
  readonly flops?: number;
  readonly bytes?: number;
}

/** Times of one unit in milliseconds. */
export interface Result {
  readonly name: string;
  readonly samples: number;
  readonly medianMs: number;
  readonly minMs: number;
  readonly lowerQuartileMs: number;
  readonly upperQuartileMs: number;
  readonly gflopPerSecond?: number;
  readonly gigabytesPerSecond?: number;
}

export interface Floor {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly floor: number;
  readonly holds: boolean;
}

export interface Bench {
  readonly device: Device;
  /** Alternating rounds of ours and PyTorch's. */
  readonly rounds: number;
  /** Seconds a case may take. */
  readonly budget: number;
  measure(test: Case): Promise<Result>;
  /** Prints and keeps any figure. */
  note(what: string, value: number, unit: string): void;
  /** States a floor (or, with `atMost`, a ceiling) and whether it holds. */
  floor(what: string, value: number, limit: number, unit: string, options?: { readonly atMost?: boolean }): void;
  /** What PyTorch reaches on the CPU with two threads, by the names torch_peer.py prints; null where there is no PyTorch. */
  torch(work: string, options?: Readonly<Record<string, number>>): Promise<Readonly<Record<string, number>> | null>;
  print(line: string): void;
}

/** Runs one benchmark file: opens a device, measures, prints, and writes `--json`. The exit code is 1 where a floor does not hold. */
export async function bench(name: string, question: string, body: (bench: Bench) => Promise<void>): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: "string" }, budget: { type: "string", default: "1" }, rounds: { type: "string", default: "3" } },
  });
  const [budget, rounds] = [positive("budget", values.budget), positive("rounds", values.rounds)];
  const device = await openDevice();
  const results: Result[] = [];
  const floors: Floor[] = [];
  const notes: { what: string; value: number; unit: string }[] = [];
  const torch: { work: string; options: Readonly<Record<string, number>>; figures: Readonly<Record<string, number>> }[] = [];
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  const { description, device: adapterName, subgroupSize, toggles } = device.info;
  const machine = { adapter: description || adapterName, subgroupSize, toggles, node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
  print(`${name}: ${question}`);
  print(`adapter ${machine.adapter}, subgroups of ${subgroupSize || "mixed size"}, toggles ${toggles.join(" ") || "none"}; Node ${machine.node}; ${machine.cores} x ${machine.cpu}`);

  await body({
    device, rounds, budget, print,
    async measure(test) {
      const result = summary(test, await sample(test, budget));
      results.push(result);
      print(line(result));
      return result;
    },
    note(what, value, unit) {
      notes.push({ what, value, unit });
      print(`  ${what}: ${figure(value)} ${unit}`);
    },
    floor(what, value, limit, unit, { atMost = false } = {}) {
      const holds = atMost ? value <= limit : value >= limit;
      floors.push({ what, value, unit, floor: limit, holds });
      print(`${holds ? "PASS" : "FAIL"}  ${what}: ${figure(value)} ${unit} (${atMost ? "at most" : "at least"} ${limit})`);
      if (!holds) process.exitCode = 1;
    },
    async torch(work, options = {}) {
      const figures = await askTorch(work, { ...options, budget });
      if (!figures) print("  PyTorch not found: set ROENTGEN_PYTHON to a Python that has it");
      else torch.push({ work, options, figures });
      return figures;
    },
  });
  device.close();
  if (values.json) merge(values.json, name, { question, machine, budgetSeconds: budget, results, notes, floors, torch });
}

export const geometricMean = (values: readonly number[]): number => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

/** How often to repeat work of `flops` within one plan, so that encoding and waiting are small beside it. */
export const repeatsFor = (flops: number): number => Math.max(1, Math.min(64, Math.ceil(5e8 / flops)));

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} expects a positive number, got "${text}".`);
  return value;
}

/** Milliseconds of a repetition, many times, after two that warm caches and compile. */
async function sample({ run }: Case, budget: number): Promise<number[]> {
  await run();
  await run();
  const inner: number[] = [];
  const outer = await new Promise<number[]>((resolve, reject) => {
    const timed = new Benchmark({
      defer: true, maxTime: budget, minSamples: 5,
      fn(deferred: { resolve(): void }) {
        run().then((ms) => {
          if (ms !== undefined) inner.push(ms);
          deferred.resolve();
        }, reject);
      },
      onComplete: () => resolve((timed.stats?.sample ?? []).map((seconds) => 1e3 * seconds)),
    });
    timed.run({ async: true });
  });
  return inner.length > 0 ? inner : outer;
}

function summary({ name, units = 1, flops, bytes }: Case, samples: readonly number[]): Result {
  const sorted = samples.map((ms) => ms / units).sort((a, b) => a - b);
  const medianMs = quantile(sorted, 0.5);
  return {
    name, medianMs, samples: sorted.length, minMs: quantile(sorted, 0), lowerQuartileMs: quantile(sorted, 0.25), upperQuartileMs: quantile(sorted, 0.75),
    ...(flops === undefined ? {} : { gflopPerSecond: flops / medianMs / 1e6 }),
    ...(bytes === undefined ? {} : { gigabytesPerSecond: bytes / medianMs / 1e6 }),
  };
}

/** Of sorted values, interpolated. */
function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}

const figure = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

function line({ name, samples, medianMs, minMs, lowerQuartileMs, upperQuartileMs, gflopPerSecond, gigabytesPerSecond }: Result): string {
  const rates = [gflopPerSecond === undefined ? "" : `${figure(gflopPerSecond)} GFLOP/s`, gigabytesPerSecond === undefined ? "" : `${figure(gigabytesPerSecond)} GB/s`];
  return `  ${name.padEnd(44)} ${figure(medianMs).padStart(7)} ms  min ${figure(minMs)}, quartiles ${figure(lowerQuartileMs)} to ${figure(upperQuartileMs)}, n ${samples}  ${rates.filter(Boolean).join(", ")}`;
}

function askTorch(work: string, options: Readonly<Record<string, number>>): Promise<Record<string, number> | null> {
  const script = new URL("./torch_peer.py", import.meta.url).pathname;
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const env = { ...process.env, OMP_NUM_THREADS: "2", MKL_NUM_THREADS: "2" };
  return new Promise((resolve, reject) => {
    execFile(process.env.ROENTGEN_PYTHON ?? "python3", [script, work, ...flags], { env, timeout: 600_000 }, (error, stdout, stderr) => {
      if (!error) resolve(JSON.parse(stdout) as Record<string, number>);
      else if (/No module named 'torch'|ENOENT/.test(`${stderr} ${error.message}`)) resolve(null);
      else reject(new Error(`torch_peer.py ${work} failed: ${stderr || error.message}`));
    });
  });
}

/** Several benchmarks share one file: an object by benchmark name. */
function merge(path: string, name: string, result: unknown): void {
  const all = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : {};
  writeFileSync(`${path}.part`, `${JSON.stringify({ ...all, [name]: result }, null, 1)}\n`);
  renameSync(`${path}.part`, path);
}
