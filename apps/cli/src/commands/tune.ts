import type { DeviceInfo } from "@roentgen/gpu";
import { openDevice } from "@roentgen/gpu/node";
import { adapterName, recordWorkload } from "@roentgen/runner";
import { collectTasks, type Finding, tuningFor } from "@roentgen/tensor";
import { progressLine } from "../progress-line.ts";
import { textTable } from "../text-table.ts";
import { tuningFiles, tuningPath } from "../tuning-file.ts";

export interface TuneOptions {
  readonly train?: boolean;
  readonly batch: number;
  readonly size: number;
  readonly precision?: "f32" | "mixed";
  /** Of sampling for each family. */
  readonly seconds: number;
  readonly again?: boolean;
  readonly json?: boolean;
  readonly adapter?: string;
  readonly native?: boolean;
}

/** `roentgen tune`: measures the families of kernels for all that a model computes, and keeps the result for later commands. */
export async function tuneModel(model: string, { train = false, batch, size, precision = "f32", seconds, again = false, json = false, adapter, native }: TuneOptions): Promise<void> {
  const device = await openDevice({ adapter, native });
  const progress = progressLine(process.stderr);
  try {
    const tasks = collectTasks(device, () => recordWorkload(device, { model, train, batch, size, precision }).dispose());
    let lost = null as Error | null;
    let measured = 0;
    const { identity, findings } = await tuningFor(device, tasks, tuningFiles, {
      measure: true, again, budgetMs: 1000 * seconds, onLost: (reason) => (lost = reason),
      onProgress(done, all) {
        measured++;
        progress.show("measuring kernels", done, all);
      },
    });
    progress.end();
    const found = Object.entries(findings).map(([key, finding]) => ({ key, ...finding }));
    const file = tuningPath(identity);
    process.stdout.write(`${json ? JSON.stringify({ file: lost ? null : file, identity: JSON.parse(identity) as unknown, summary: { ...summaryOf(found), measured }, findings: found }, null, 1) : formatFindings(found, { tasks: tasks.length, measured, file: lost ? null : file, info: device.info })}\n`);
    if (lost) process.stderr.write(`Not kept: ${lost.message}\n`);
  } finally {
    progress.end();
    device.close();
  }
}

/** A task's key without what most convolutions have in common. */
const shortened = (key: string): string => key.replace(/ (stride 1,1|dilation 1,1|padding 0,0,0,0|groups 1)(?= |$)/g, "");

type Found = Finding & { readonly key: string };

/** Times of all tasks together, each computed once: as predicted, and as measurement chose. */
export function summaryOf(found: readonly Found[]): { shapes: number; changed: number; predictedMs: number; tunedMs: number } {
  const timed = found.map(({ winner, attempts }) => {
    const tunedMs = attempts.find(({ family }) => family === winner)?.timeMs ?? 0;
    // A prediction that is wrong or refused has no time: the winner's stands for it.
    return { tunedMs, predictedMs: attempts[0]?.timeMs ?? tunedMs, changed: attempts[0]?.family !== winner };
  });
  const sum = (of: (t: (typeof timed)[number]) => number) => timed.reduce((total, t) => total + of(t), 0);
  return { shapes: found.length, changed: timed.filter((t) => t.changed).length, predictedMs: sum((t) => t.predictedMs), tunedMs: sum((t) => t.tunedMs) };
}

export function formatFindings(found: readonly Found[], { tasks, measured, file, info }: { tasks: number; measured: number; file: string | null; info: DeviceInfo }): string {
  const ms = (value: number | null | undefined) => (value == null ? "" : value.toFixed(3));
  const rows = found.map(({ key, winner, attempts }) => ({
    key, winner, guess: attempts[0], timeMs: attempts.find(({ family }) => family === winner)?.timeMs,
    others: attempts.filter(({ family }) => family !== winner && family !== attempts[0]?.family).map(({ family, timeMs, error }) => `${family} ${timeMs !== null ? ms(timeMs) : error === null ? "refused" : "wrong"}`).join(", "),
  })).sort((a, b) => (b.timeMs ?? 0) - (a.timeMs ?? 0));
  const table = textTable(rows, [
    { head: "shape", of: (r) => shortened(r.key), most: 96 },
    { head: "fastest", of: (r) => r.winner },
    { head: "ms", of: (r) => ms(r.timeMs), right: true },
    { head: "predicted", of: (r) => (r.guess?.family === r.winner ? "the same" : (r.guess?.family ?? "")) },
    { head: "ms", of: (r) => (r.guess?.family === r.winner ? "" : ms(r.guess?.timeMs)), right: true },
    { head: "others, ms", of: (r) => r.others },
  ]);
  const { shapes, changed, predictedMs, tunedMs } = summaryOf(found);
  return [
    ...(rows.length > 0 ? [table, ""] : []),
    `${shapes} shapes${measured < shapes ? `, ${shapes - measured} of them measured before (--again measures all)` : " measured"}${tasks > shapes ? `, ${tasks - shapes} have one family only` : ""}; ${changed} are faster than predicted.`,
    `Each once: ${ms(predictedMs)} ms as predicted, ${ms(tunedMs)} ms as measured (prediction ${percent(predictedMs, tunedMs)} % slower).`,
    `On ${adapterName(info)}; toggles ${info.toggles.join(" ") || "none"}.${file === null ? "" : ` Kept in ${file}; profile and new studies use it.`}`,
    ...(found.some(({ attempts }) => attempts.some(({ short }) => short)) ? ["Shapes for which memory was short are not kept: they are measured again."] : []),
  ].join("\n");
}

const percent = (slow: number, fast: number): string => (fast > 0 ? (100 * (slow / fast - 1)).toFixed(1) : "0.0");
