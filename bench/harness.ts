// What every benchmark here shares: a device, times by benchmark.js with medians and quartiles, peers on the same work in turn with
// ours, targets, and one line of facts without which a figure means nothing.
//
//   npm run bench -- conv2d --peers torch,tfjs --json results.json --seconds 2 --rounds 3

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { writeText } from "@roentgen/core/node";
import type { Device } from "@roentgen/gpu";
import { openDevice } from "@roentgen/gpu/node";
import { explained, type PeerName, peerNames, PeerProcess } from "./peer-process.ts";
import type { Answer, Work } from "./peers/protocol.ts";
import { probeError } from "./peers/values.ts";
import { type BenchmarkResult, cpuRatio, type Figure, ours, ratio, type Result } from "./results.ts";
import { quantile, sample, type Sampled } from "./sampling.ts";
import { limitOn, type TargetName, targets } from "./targets.ts";

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

export interface Comparison extends Case {
  /** The same work, as the peers know it. */
  readonly work: Work;
  /** Some values of our result (`probeOf`), which the peers' must agree with. */
  readonly probe?: () => Promise<readonly number[]>;
  /** The largest difference allowed, against the largest value. */
  readonly tolerance?: number;
  /** Our losses so far, of training. */
  readonly losses?: () => Promise<readonly number[]>;
  /** Only these of the peers that were asked for. */
  readonly among?: readonly PeerName[];
}

/** Results by engine: ours under "roentgen", and each peer that does the work. */
export type Compared = { readonly roentgen: Result } & Readonly<Record<string, Result>>;

export interface Bench {
  readonly device: Device;
  /** Alternating rounds of ours and the peers'. */
  readonly rounds: number;
  /** Seconds that an engine may take for a case, all rounds together. */
  readonly seconds: number;
  readonly peers: readonly PeerName[];
  /** Ours alone. */
  measure(test: Case): Promise<Result>;
  /** Ours and the peers, in turn. */
  compare(test: Comparison): Promise<Compared>;
  /** A figure of several engines, to be kept over time. */
  figure(figure: Figure): void;
  /** Prints and keeps any number. */
  note(what: string, value: number, unit: string): void;
  /** States the target of this name and whether the value holds it; where the adapter has none, a note. */
  target(name: TargetName, value: number, byCpu?: number): void;
  /** A peer that was asked for and did not do some work. */
  missing(engine: string, what: string, why: string): void;
  print(line: string): void;
}

/** A peer slower than this takes part in the first round alone. */
const slowMs = 3000;

/** Runs one benchmark file: opens a device, measures, prints, writes `--out`. The exit status is 1 where a target or check does not hold. */
export async function bench(name: string, question: string, body: (bench: Bench) => Promise<void>): Promise<void> {
  const { seconds, rounds, peers, out } = options();
  const start = performance.now();
  const device = await openDevice();
  const kept: Mutable<BenchmarkResult> = { name, question, seconds: 0, engines: {}, results: [], figures: [], targets: [], checks: [], notes: [], missing: [] };
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  const { description, device: adapterName, subgroupSize, toggles } = device.info;
  kept.engines[ours] = { version: process.env.npm_package_version ?? "0.1.0", backend: description || adapterName, toggles: [...toggles] };
  print(`${name}: ${question}`);
  print(`adapter ${description || adapterName}, subgroups of ${subgroupSize || "mixed size"}, toggles ${toggles.join(" ") || "none"}; Node ${process.version}; ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`);

  // Leaving through exit() ends the peers.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const processes = new Map<PeerName, PeerProcess>();
  /** Peers that are not there at all. */
  const absent = new Set<PeerName>();
  const missing = (engine: string, what: string, why: string) => {
    kept.missing.push({ engine, what, why: why.slice(0, 2000) });
    print(`  ${engine}: ${what}: ${why.split("\n")[0]}`);
  };
  const check = (test: string, engine: string, what: BenchmarkResult["checks"][number]["what"], error: number, tolerance: number) => {
    const holds = error <= tolerance;
    kept.checks.push({ case: test, engine, what, error: Number.isFinite(error) ? error : null, tolerance, holds });
    if (holds) return;
    print(`FAIL  ${test}: ${engine} and ours differ: ${what}, ${error.toPrecision(2)} of the largest (at most ${tolerance})`);
    process.exitCode = 1;
  };
  async function ask(engine: PeerName, test: Comparison, round: number): Promise<Answer | null> {
    if (absent.has(engine)) return null;
    let peer = processes.get(engine);
    if (!peer) processes.set(engine, (peer = new PeerProcess(engine)));
    try {
      kept.engines[engine] ??= await peer.facts.then(({ version, backend, toggles: used }) => ({ version, backend, toggles: [...used] }));
      const answer = await peer.ask({ work: test.work, units: test.units ?? 1, budgetSeconds: seconds / rounds, minSamples: fewest(rounds), warmUp: round === 0 ? 2 : 1 });
      if ("samples" in answer) return answer;
      missing(engine, test.name, answer.unsupported ?? explained(engine, answer.error ?? "no reason given"));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      missing(engine, kept.engines[engine] ? test.name : "did not start", explained(engine, why));
      if (!kept.engines[engine]) absent.add(engine);
      processes.delete(engine);
    }
    return null;
  }
  const note = (what: string, value: number, unit: string) => {
    kept.notes.push({ what, value, unit });
    print(`  ${what}: ${number(value)} ${unit}`);
  };
  const keep = (result: Result): Result => {
    kept.results.push(result);
    print(line(result));
    return result;
  };

  try {
    await body({
      device, rounds, seconds, peers, print, missing,
      async measure(test) {
        return keep(summary(ours, test, [await sample(test.run, { budgetSeconds: seconds })]));
      },
      async compare(test) {
        const samples = new Map<string, Sampled[]>([[ours, []]]);
        const among = peers.filter((peer) => test.among?.includes(peer) ?? true);
        const out = new Set<PeerName>();
        let probe: readonly number[] | null = null;
        const firstLosses = new Map<string, number>();
        const lastLosses = new Map<string, number>();
        for (let round = 0; round < rounds; round++) {
          samples.get(ours)?.push(await sample(test.run, { budgetSeconds: seconds / rounds, minSamples: fewest(rounds), warmUp: round === 0 ? 2 : 1 }));
          for (const engine of among.filter((peer) => !out.has(peer))) {
            const answer = await ask(engine, test, round);
            if (!answer) {
              out.add(engine);
              continue;
            }
            samples.set(engine, [...(samples.get(engine) ?? []), inRepetitions(answer, test.units)]);
            if (quantile([...answer.samples].sort((a, b) => a - b), 0.5) > slowMs) out.add(engine);
            if (answer.probe && test.probe) check(test.name, engine, "values", probeError((probe ??= await test.probe()), answer.probe), test.tolerance ?? 1e-4);
            if (answer.losses?.length) {
              firstLosses.set(engine, answer.losses[0] ?? NaN);
              lastLosses.set(engine, answer.losses.at(-1) ?? NaN);
            }
          }
        }
        if (test.losses) {
          const losses = await test.losses();
          const first = losses[0] ?? NaN;
          firstLosses.set(ours, first);
          lastLosses.set(ours, losses.at(-1) ?? NaN);
          for (const [engine, value] of firstLosses) {
            if (engine !== ours) check(test.name, engine, "first loss", Math.abs(value - first) / Math.abs(first), test.tolerance ?? 1e-3);
            check(test.name, engine, "loss falls", (lastLosses.get(engine) ?? NaN) < value ? 0 : 1, 0);
          }
        }
        return Object.fromEntries([...samples].map(([engine, all]) => [engine, keep(summary(engine, test, all))])) as Compared;
      },
      figure(figure) {
        kept.figures.push(figure);
        print(`  ${figure.name}: ${Object.entries(figure.values).map(([engine, value]) => `${engine} ${number(value)}${times(figure, engine)}`).join(", ")} ${figure.unit}`);
      },
      note,
      target(what, value, byCpu) {
        const { unit, ...rest } = targets[what];
        const limit = limitOn(what, device.info);
        if (!Number.isFinite(value)) return missing(ours, what, `internal: it is ${value}`);
        if (limit === null) return note(what, value, unit);
        const atMost = "atMost" in rest;
        const holds = atMost ? value <= limit : value >= limit;
        // Elsewhere the processor waits for the work instead of doing it.
        const cpu = device.info.software && byCpu !== undefined && Number.isFinite(byCpu) ? { byCpu } : {};
        kept.targets.push({ what, value, unit, limit, atMost, holds, ...cpu });
        print(`${holds ? "PASS" : "FAIL"}  ${what}: ${number(value)} ${unit} (${atMost ? "at most" : "at least"} ${limit})${cpu.byCpu === undefined ? "" : `; by processor time ${number(cpu.byCpu)}`}`);
        if (!holds) process.exitCode = 1;
      },
    });
  } finally {
    for (const peer of processes.values()) peer.close();
    device.close();
    kept.seconds = (performance.now() - start) / 1e3;
    if (out) await writeText(out, JSON.stringify(kept));
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Samples of a round, at least: five over all rounds. */
const fewest = (rounds: number): number => Math.max(2, Math.ceil(5 / rounds));

function options() {
  const { values } = parseArgs({
    options: { out: { type: "string" }, seconds: { type: "string", default: "1" }, rounds: { type: "string", default: "3" }, peers: { type: "string", default: "torch" } },
  });
  const peers = values.peers.split(",").filter((peer) => peer !== "");
  const unknown = peers.filter((peer) => !(peerNames as readonly string[]).includes(peer));
  if (unknown.length > 0) throw new Error(`--peers: no peer ${unknown.join(", ")}; there are ${peerNames.join(", ")}.`);
  return { seconds: positive("seconds", values.seconds), rounds: Math.ceil(positive("rounds", values.rounds)), peers: peers as PeerName[], out: values.out };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} expects a positive number, got "${text}".`);
  return value;
}

/** A peer's times are of one unit, ours of a repetition. */
const inRepetitions = ({ samples, cpuMs }: Answer, units = 1): Sampled => ({ ms: samples.map((ms) => ms * units), cpuMs: (cpuMs ?? NaN) * units });

/** Of what was sampled of one engine, round by round. */
export function summary(engine: string, { name, units = 1, flops, bytes }: Omit<Case, "run">, rounds: readonly Sampled[]): Result {
  const sortedRounds = rounds.map(({ ms }) => ms.map((each) => each / units).sort((a, b) => a - b));
  const cpuMs = Math.min(...rounds.map((round) => round.cpuMs / units).filter((ms) => ms > 0));
  const sorted = sortedRounds.flat().sort((a, b) => a - b);
  const roundMediansMs = sortedRounds.map((samples) => quantile(samples, 0.5));
  // Whatever else runs on the machine only ever slows: the best round is the least disturbed one.
  const best = Math.min(...roundMediansMs);
  return {
    case: name, engine, samples: sorted.length, roundMediansMs,
    medianMs: quantile(sorted, 0.5), minMs: quantile(sorted, 0), lowerQuartileMs: quantile(sorted, 0.25), upperQuartileMs: quantile(sorted, 0.75),
    ...(flops === undefined ? {} : { gflopPerSecond: flops / best / 1e6 }),
    ...(bytes === undefined ? {} : { gigabytesPerSecond: bytes / best / 1e6 }),
    ...(Number.isFinite(cpuMs) ? { cpuMs } : {}),
  };
}

/** The median of the best round. */
export const bestMs = ({ roundMediansMs }: Result): number => Math.min(...roundMediansMs);

/** Processor time by engine, for a figure. */
export const cpuOf = (compared: Readonly<Record<string, Result>>): Record<string, number> =>
  Object.fromEntries(Object.entries(compared).flatMap(([engine, { cpuMs }]) => (cpuMs === undefined ? [] : [[engine, cpuMs]])));

/** Floating-point operations a second if processor time were shared by two cores that do nothing else. */
export const gflopByCpu = ({ cpuMs = NaN }: Result, flops: number): number => flops / (cpuMs / 2) / 1e6;

/** A figure's values: `of` each engine's result. */
export const valuesOf = (compared: Compared, of: (result: Result) => number): Record<string, number> =>
  Object.fromEntries(Object.entries(compared).map(([engine, result]) => [engine, of(result)]));

const times = (figure: Figure, engine: string): string => {
  const [faster, byCpu] = engine === ours ? [null, null] : [ratio(figure, engine), cpuRatio(figure, engine)];
  return faster === null ? "" : ` (ours ${faster.toPrecision(3)}x${byCpu === null ? "" : `, ${byCpu.toPrecision(3)}x by processor time`})`;
};

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

function line({ case: name, engine, samples, medianMs, minMs, lowerQuartileMs, upperQuartileMs, gflopPerSecond, gigabytesPerSecond, cpuMs }: Result): string {
  const rates = [gflopPerSecond === undefined ? "" : `${number(gflopPerSecond)} GFLOP/s`, gigabytesPerSecond === undefined ? "" : `${number(gigabytesPerSecond)} GB/s`];
  const label = engine === ours ? name : `  ${engine}`;
  return `  ${label.padEnd(44)} ${number(medianMs).padStart(7)} ms  min ${number(minMs)}, quartiles ${number(lowerQuartileMs)} to ${number(upperQuartileMs)}, n ${samples}${cpuMs === undefined ? "" : `, processor ${number(cpuMs)}`}  ${rates.filter(Boolean).join(", ")}`;
}
