import { access, constants, readFile, realpath, stat } from "node:fs/promises";
import { availableParallelism, loadavg, platform } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "@roentgen/core";
import { writeText } from "@roentgen/core/node";
import { openDevice } from "@roentgen/gpu/node";
import {
  adapterName, ceilingText, choiceText, chromeTrace, compareProfiles, type Comparison, comparisonTables, incomparable, type KnownTuning, loadText, memoryText, methodText, mostProfileBytes, parseProfile, profileHtml, type ProfileProgress, type ProfileReport, profileTables, profileWorkload, regressions, type Table, titleOf, togglesText, type Workload,
} from "@roentgen/runner";
import { tuningIdentity, winnersOf } from "@roentgen/tensor";
import { exitCodes } from "../failure.ts";
import { version } from "../program.ts";
import { progressLine } from "../progress-line.ts";
import { textTable } from "../text-table.ts";
import { readTuning, tuningPath } from "../tuning-file.ts";

export interface ProfileOptions {
  readonly train?: boolean;
  readonly batch: number;
  readonly size: number;
  readonly precision?: "f32" | "mixed";
  readonly repeats: number;
  readonly top: number;
  readonly json?: boolean;
  readonly html?: string;
  readonly trace?: string;
  /** A file that `--json` wrote before. */
  readonly compare?: string;
  /** As a share: 0.1 for 10 %. */
  readonly failIfSlower?: number;
  readonly adapter?: string;
  readonly native?: boolean;
}

/** `roentgen profile`: builds a model on the device, records one step, times each of its dispatches and judges them. */
export async function profileModel(model: string, options: ProfileOptions): Promise<void> {
  const { train = false, batch, size, precision = "f32", repeats, failIfSlower } = options;
  if (failIfSlower !== undefined && options.compare === undefined) throw new ConfigError("--fail-if-slower compares with an earlier profile. Name it with --compare old.json.");
  await checkOutputs(options);
  // Read first: who mistyped a name should not wait for a measurement.
  const before = options.compare === undefined ? null : parseProfile(await readBounded(options.compare), options.compare);
  const workload: Workload = { model, train, batch, size, precision };
  const device = await openDevice({ adapter: options.adapter, native: options.native });
  const progress = progressLine(process.stderr);
  try {
    const reason = before && failIfSlower !== undefined ? incomparable(before, { workload, adapter: device.info }) : null;
    if (reason) throw new ConfigError(`--fail-if-slower compares like with like: ${options.compare} ${reason}. Profile the same, or leave --fail-if-slower out.`);
    const tuning = await tuningOf(tuningIdentity(device.info));
    const report = await profileWorkload(device, workload, { roentgen: version, runtime: `Node ${process.version}`, repeats, tuning, ...(machine ? { machine } : {}), onProgress: (stage, done, total) => progress.show(stages[stage], done, total) });
    progress.end();
    const comparison = before && compareProfiles(before, report);
    process.stdout.write(`${options.json ? JSON.stringify(comparison ? { ...report, comparison } : report, null, 1) : formatProfile(report, { top: options.top, comparison, width: process.stdout.columns })}\n`);
    // Printed first: a disk that is full by now shall not take the table with it.
    if (options.html !== undefined) await writeText(options.html, profileHtml(report, comparison));
    if (options.trace !== undefined) await writeText(options.trace, JSON.stringify(chromeTrace(report)));
    if (comparison && failIfSlower !== undefined) failOnRegressions(comparison, failIfSlower);
  } finally {
    progress.end();
    device.close();
  }
}

/** What was tuned here, with the day its file was last written: the file itself keeps none. */
async function tuningOf(identity: string): Promise<KnownTuning | null> {
  const tuning = await readTuning(identity);
  return tuning && { winners: winnersOf(tuning), date: (await stat(tuningPath(identity))).mtime.toISOString().slice(0, 10) };
}

/** Windows has no load average. */
const machine = platform() === "win32" ? undefined : { cores: availableParallelism(), load: () => loadavg()[0] ?? 0 };

/** Throws ConfigError for files that could not be written, or would overwrite each other: before a measurement that they would lose. */
async function checkOutputs({ html, trace, compare }: Pick<ProfileOptions, "html" | "trace" | "compare">): Promise<void> {
  const taken = new Map<string, string>(compare === undefined ? [] : [[await fileNamed(compare), "--compare"]]);
  for (const [option, path] of [["--html", html], ["--trace", trace]] as const) {
    if (path === undefined) continue;
    if (path === "") throw new ConfigError(`${option} names no file.`);
    const file = await fileNamed(path);
    const other = taken.get(file);
    if (other !== undefined) throw new ConfigError(`${other} and ${option} name the same file, ${path}. Give each its own.`);
    taken.set(file, option);
    const there = await stat(file).catch(() => null);
    if (there?.isDirectory()) throw new ConfigError(`${option} ${path}: that is a folder. Name a file in it.`);
    if (there?.isFile() === false) throw new ConfigError(`${option} ${path}: that is no ordinary file. Name one; --json writes to standard output.`);
    const folder = dirname(file);
    if (!(await stat(folder).catch(() => null))?.isDirectory()) throw new ConfigError(`${option} ${path}: there is no folder ${folder}. Make it, or name another.`);
    await access(folder, constants.W_OK).catch((error: Error) => {
      throw new ConfigError(`${option} ${path}: ${folder} cannot be written to (${error.message}). Name another folder.`);
    });
  }
}

/** What a name stands for, links followed as writing follows them. */
async function fileNamed(path: string): Promise<string> {
  const full = resolve(path);
  return realpath(full).catch(async () => join(await realpath(dirname(full)).catch(() => dirname(full)), basename(full)));
}

async function readBounded(path: string): Promise<string> {
  const unreadable = (error: Error) => {
    throw new ConfigError(`--compare ${path} cannot be read: ${error.message}. Name a file that \`roentgen profile --json\` wrote.`);
  };
  const { size } = await stat(path).catch(unreadable);
  if (size > mostProfileBytes) throw new ConfigError(`${path}: has ${size} bytes, more than any profile. Is it the right file?`);
  return readFile(path, "utf8").catch(unreadable);
}

function failOnRegressions(comparison: Comparison, limit: number): void {
  const { compute, memory } = comparison.slowdown;
  if (Math.max(compute, memory) > 1) process.stderr.write(`the machine is slower than it was, ${compute.toFixed(2)} times in arithmetic and ${memory.toFixed(2)} in copies; what that explains is not counted\n`);
  const slower = regressions(comparison, limit);
  for (const { name, beforeMs, afterMs, ratio } of slower) process.stderr.write(`slower: ${name} took ${beforeMs?.toFixed(3)} ms, now ${afterMs?.toFixed(3)} ms, ${ratio?.toFixed(2)} times as long\n`);
  if (slower.length > 0) process.exitCode = exitCodes.failed;
}

const stages: Readonly<Record<Parameters<ProfileProgress>[0], string>> = { record: "recording the step", ceilings: "measuring what the device can do", compile: "compiling", time: "timing" };

/** A table as text. Names are cut as far as the width asks for it, and no further than the table allows. */
function printed({ title, heads, rows }: Table, width: number): string {
  const widths = heads.map(({ text }, i) => Math.max(text.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const tooWide = widths.reduce((sum, w) => sum + w + 2, -2) - width;
  const columns = heads.map(({ text, right, most }, i) => ({ head: text, of: (row: readonly string[]) => row[i] ?? "", ...(right ? { right } : {}), ...(most === undefined ? {} : { most: Math.max(most, (widths[i] ?? 0) - tooWide) }) }));
  return `${title}\n${textTable(rows, columns)}`;
}

/** A profile for a person at a terminal of that width; a file has all of each line. */
export function formatProfile(report: ProfileReport, { top, comparison, width = Infinity }: { readonly top: number; readonly comparison: Comparison | null; readonly width?: number | undefined }): string {
  const { adapter, dispatches, totalMs, roofMs, plain, workload, warnings } = report;
  const load = loadText(report);
  const speed = totalMs > 0 ? `, ${((1000 * workload.batch) / totalMs).toFixed(1)} images/s without gaps` : "";
  const facts = [
    titleOf(workload),
    `on ${adapterName(adapter)}, ${adapter.software ? "software" : "a GPU"}; toggles ${togglesText(adapter)}; ${choiceText(report.choice)}`,
    methodText(report),
    `ceilings: ${ceilingText(report.ceilings)}`,
    `${dispatches.length} dispatches, ${totalMs.toFixed(3)} ms on the device${speed}; the ceilings allow ${roofMs.toFixed(3)} ms`,
    `a plain run takes ${plain.wallMs.toFixed(3)} ms: ${plain.encodeMs.toFixed(3)} to encode, ${plain.submitMs.toFixed(3)} to submit; ${plain.leastMs.toFixed(3)} to ${plain.mostMs.toFixed(3)} over all plain runs`,
    `memory: ${memoryText(report)}`,
    ...(load === null ? [] : [load]),
  ];
  const found = warnings.flatMap(({ what, lookAt }) => [`! ${what}`, ...lookAt.map((place) => `    ${place}`)]);
  const table = (t: Table) => printed(t, width);
  const differences = comparison?.differences.map((text) => `! not the same ${text}`) ?? [];
  const compared = comparison ? comparisonTables(comparison, top).map(table) : [];
  return [facts.join("\n"), ...(differences.length > 0 ? [differences.join("\n")] : []), ...profileTables(report, top).map(table), ...(found.length > 0 ? [found.join("\n")] : []), ...compared].join("\n\n");
}
