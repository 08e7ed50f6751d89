// `roentgen bench` and `npm run bench`: one benchmark after another, each in a process of its own, and one results file of all. The
// command line (apps/cli) has read the options; they come as one JSON argument.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, platform, arch, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, installForbidden, RoentgenError } from "@roentgen/core";
import { writeText } from "@roentgen/core/node";
import { adapterInfo } from "@roentgen/gpu/node";
import manifest from "../package.json" with { type: "json" };
import { resultsPage } from "./page.ts";
import { nodeArguments, packaged, type PeerName, peerNames, peersFolder, peersInstalled } from "./peer-process.ts";
import { type BenchmarkResult, fileName, namesIn, prepareFile, readBenchmark, readRuns, type Run, runSchema } from "./results.ts";
import { chosen } from "./suites.ts";

/** What `apps/cli/src/commands/bench.ts` passes on. */
interface Options {
  readonly what: readonly string[];
  /** Names, or "all" or "none" alone. */
  readonly peers: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  /** A file, "-" for standard output. */
  readonly json?: string;
  readonly save?: boolean;
  /** Open Dawn as `--native` does elsewhere, for ours and the peers that share it. */
  readonly native?: boolean;
  /** Draw the page and run nothing: true is the usual place. */
  readonly page?: string | true;
}

const folder = fileURLToPath(new URL(".", import.meta.url));
const resultsFolder = join(folder, "results");
const say = (text: string) => void process.stderr.write(`roentgen: ${text}\n`);

let interrupted = false;

async function main(options: Options): Promise<number> {
  if (options.page !== undefined) return drawPage(options.page === true ? join(resultsFolder, "index.html") : resolve(options.page));
  const names = chosen(options.what);
  const toStdout = options.json === "-";
  const json = options.json === undefined || toStdout ? null : resolve(options.json);
  if (json !== null) await prepareFile(json);
  if (options.save) await prepareFile(join(resultsFolder, "run.json"));
  if (options.native) process.env.ROENTGEN_NATIVE = "1";
  const { vendor, architecture, device, description, software, subgroupSize, toggles } = await adapterInfo();
  const peers = peersOf(options.peers, vendor);
  await installPeers(peers);

  const start = { date: new Date().toISOString(), load: loadavg()[0] ?? 0, ...checkout() };
  const scratch = mkdtempSync(join(tmpdir(), "roentgen-bench-"));
  const processors = cpus();
  const benchmarks: BenchmarkResult[] = [];
  let saved = null as string | null;
  /** Writes all that is finished: whatever ends us later takes the benchmark under way, and no other. */
  async function keep(): Promise<{ run: Run; text: string }> {
    const run: Run = runSchema.parse({
      format: "roentgen-bench/1", date: start.date, roentgen: manifest.version, commit: start.commit, modified: start.modified,
      machine: {
        cpu: processors[0]?.model.trim() || "unknown", cores: processors.length, memoryGiB: Math.round((10 * totalmem()) / 2 ** 30) / 10,
        system: `${platform()} ${arch()}`, node: process.version, load: { start: start.load, end: loadavg()[0] ?? 0 },
      },
      adapter: { vendor, architecture, device, description, software, subgroupSize, toggles: [...toggles] },
      options: { what: [...options.what], peers, budgetSeconds: options.seconds, rounds: options.rounds },
      benchmarks,
    } satisfies Run);
    // Six digits are more than a clock is worth.
    const text = `${JSON.stringify(run, (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value), 1)}\n`;
    if (json !== null) await writeText(json, text);
    if (options.save) await writeText((saved ??= join(resultsFolder, fileName(run, namesIn(resultsFolder)))), text);
    return { run, text };
  }
  let kept: { run: Run; text: string } | null = null;
  let failed = 0;
  process.on("SIGINT", () => (interrupted = true)).on("SIGTERM", () => (interrupted = true));
  try {
    for (const [i, name] of names.entries()) {
      say(`${name} (${i + 1} of ${names.length})`);
      const out = join(scratch, `${name}.json`);
      const code = await runOne(name, ["--out", out, "--seconds", String(options.seconds), "--rounds", String(options.rounds), "--peers", peers.join(",")], toStdout);
      if (interrupted) break;
      if (code !== 0) failed++;
      try {
        benchmarks.push(readBenchmark(out));
      } catch (error) {
        say(`${name} left no results: ${error instanceof Error ? error.message : error}`);
      }
      kept = await keep();
      if (interrupted) break;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (kept) {
    conclude(kept.run);
    if (toStdout) process.stdout.write(kept.text);
    if (saved !== null) say(`kept as ${saved}`);
  }
  if (interrupted) {
    say(`interrupted: ${benchmarks.length} of ${names.length} benchmarks are finished${kept && (options.json ?? saved) ? " and kept" : ""}`);
    return 130;
  }
  return failed > 0 ? 1 : 0;
}

async function drawPage(path: string): Promise<number> {
  const runs = readRuns(resultsFolder);
  if (runs.length === 0) throw new ConfigError(`bench: ${resultsFolder} has no results yet. \`roentgen bench --save\` puts some there.`);
  await prepareFile(path);
  await writeText(path, resultsPage(runs));
  process.stdout.write(`${path}\n`);
  return 0;
}

function peersOf(given: readonly string[], vendor: string): PeerName[] {
  if (given.includes("none")) return [];
  // CUDA is asked for by name, or where there is such a GPU.
  if (given.includes("all")) return peerNames.filter((peer) => peer !== "torch-cuda" || /nvidia/i.test(vendor));
  const unknown = given.filter((peer) => !(peerNames as readonly string[]).includes(peer));
  if (unknown.length > 0) throw new ConfigError(`bench: no peer is called ${unknown.join(", ")}. There are ${peerNames.join(", ")}, and all or none.`);
  return peerNames.filter((peer) => given.includes(peer));
}

/** From bench/peers/package-lock.json. No install script runs: onnxruntime-node's would download CUDA, which nothing here uses. */
async function installPeers(peers: readonly PeerName[]): Promise<void> {
  if (!peers.some((peer) => packaged.includes(peer)) || peersInstalled()) return;
  const command = "npm ci --ignore-scripts --prefix bench/peers";
  if (installForbidden(process.env)) throw new ConfigError(`bench: the peers ${packaged.join(", ")} are not installed and ROENTGEN_NO_INSTALL forbids it. Run \`${command}\`, or choose others with --peers.`);
  say(`installing the peers, 600 MB, for the benchmarks alone (${command})`);
  const code = await runChild("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=warn"], { cwd: peersFolder, toStderr: true, shell: process.platform === "win32" });
  if (code !== 0) throw new ConfigError(`bench: the peers could not be installed. Run \`${command}\`, or choose others with --peers.`);
}

const runOne = (name: string, args: readonly string[], toStderr: boolean): Promise<number> =>
  runChild(process.execPath, [...nodeArguments(), join(folder, `${name}.bench.ts`), ...args], { cwd: process.cwd(), toStderr });

/** Runs in the foreground. The terminal sends Ctrl-C to the whole group; what is sent to us alone is passed on. */
function runChild(command: string, args: readonly string[], { cwd, toStderr, shell = false }: { cwd: string; toStderr: boolean; shell?: boolean }): Promise<number> {
  return new Promise((done, reject) => {
    const child = spawn(command, args, { cwd, shell, stdio: ["ignore", toStderr ? 2 : "inherit", "inherit"] });
    const end = () => void child.kill("SIGTERM");
    process.on("SIGINT", end).on("SIGTERM", end);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("SIGINT", end).off("SIGTERM", end);
      done(signal ? 1 : (code ?? 1));
    });
  });
}

/** What was asked and how it went, last of all. */
function conclude({ benchmarks, machine }: Run): void {
  const targets = benchmarks.flatMap((b) => b.targets);
  const checks = benchmarks.flatMap((b) => b.checks);
  const missed = targets.filter(({ holds }) => !holds);
  say(`${targets.length - missed.length} of ${targets.length} targets hold; ${checks.filter(({ holds }) => holds).length} of ${checks.length} checks against peers hold; load ${machine.load.start.toFixed(1)} to ${machine.load.end.toFixed(1)} on ${machine.cores} cores`);
  for (const { what, value, unit, limit, atMost } of missed) say(`  missed: ${what}: ${value.toPrecision(3)} ${unit}, ${atMost ? "at most" : "at least"} ${limit}`);
  for (const { case: test, engine, what, error } of checks.filter(({ holds }) => !holds)) say(`  differs: ${test}: ${engine}, ${what}${error === null ? "" : ` by ${error.toPrecision(2)}`}`);
}

function checkout(): Pick<Run, "commit" | "modified"> {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: folder, encoding: "utf8", timeout: 10_000, stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const commit = git("rev-parse", "HEAD");
    return /^[0-9a-f]{40}$/.test(commit) ? { commit, modified: git("status", "--porcelain", "--untracked-files=no") !== "" } : { commit: null, modified: false };
  } catch {
    return { commit: null, modified: false };
  }
}

try {
  process.exitCode = await main(JSON.parse(process.argv[2] ?? "{}") as Options);
} catch (error) {
  if (!(error instanceof RoentgenError)) throw error;
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
