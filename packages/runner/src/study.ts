// A study: every task from every initialisation, several trials each, in a fixed order. What is finished is kept in the store
// and not done again; a trial under way goes on from its last state. A second call with the same configuration and data ends
// with the same numbers, bit for bit, however often it was interrupted.

import { CheckpointError, ConfigError, RoentgenError } from "@roentgen/core";
import type { Dataset } from "@roentgen/data";
import type { Device } from "@roentgen/gpu";
import { collectTasks, type OpenTask } from "@roentgen/tensor";
import { checkWeights } from "./build-model.ts";
import { oneAtATime, sourceOf } from "./inits.ts";
import { cellsOf, comparisonsOf, formatReport } from "./report.ts";
import { reportCsv } from "./report-csv.ts";
import { reportHtml } from "./report-html.ts";
import type { Report, TrialResult } from "./results.ts";
import type { Store } from "./store.ts";
import { chosen, loadDatasets, summaryOf } from "./study-data.ts";
import { keepKernels } from "./study-kernels.ts";
import type { StudyOptions } from "./study-options.ts";
import { isSameButWeights, plan, type Planned, readResult, resultFile, trialIdentity } from "./study-plan.ts";
import { runTrial } from "./study-trial.ts";
import { TimeLeft } from "./time-left.ts";
import { Trial, type TrialSpec } from "./trial.ts";

/** The study was stopped on request and can go on from what it saved. */
export class StudyInterrupted extends RoentgenError {
  override name = "StudyInterrupted";
}

const never = new AbortController().signal;

/** Runs a study to its end and returns its report, which is also in the store (report.json, report.csv, report.html, models/). */
export async function runStudy(options: StudyOptions): Promise<Report> {
  const { config, device, store, environment, signal = never, listener = () => undefined, reportName = "report" } = options;
  for (const name of config.inits) sourceOf(options.inits, name);
  const initOf = oneAtATime(options.inits);
  const unavailable: Record<string, string> = {};
  const wanted = new Set<string>();
  for (const name of config.inits) {
    const init = await initOf(name);
    if (init.kind === "unavailable") unavailable[name] = init.reason;
    if (init.kind === "unavailable" && init.mustBeThere) wanted.add(name);
    for (const { model } of Object.values(config.tasks)) checkWeights(model, init, name);
  }
  const sets = await loadDatasets(options);
  const specOf = async (p: Planned): Promise<TrialSpec> => {
    const init = await initOf(p.initName);
    if (init.kind === "unavailable") throw new CheckpointError(`${p.initName}: was there when the study began. ${init.reason}`);
    return { ...p, dataset: sets.get(p.taskName) as Dataset, init };
  };
  const identity = (p: Planned) => trialIdentity(p, sets.get(p.taskName) as Dataset, device, sourceOf(options.inits, p.initName).sha256);
  const all = plan(config);
  const results = await finishedIn(store, all, identity, unavailable, options);
  // What is finished needs its first weights no more.
  const stuck = all.find((p) => wanted.has(p.initName) && !results.has(p.name));
  if (stuck) throw new CheckpointError(`${stuck.initName}: ${unavailable[stuck.initName]}. ${stuck.name} has to begin with it.`);
  const planned = all.filter((p) => results.has(p.name) || !(p.initName in unavailable));
  if (planned.length === 0) {
    throw new CheckpointError(`study "${config.name}": none of its initialisations can be had. ${Object.entries(unavailable).map(([name, reason]) => `${name}: ${reason}`).join("; ")}.`);
  }
  const kernels = await keepKernels(store, device, async () => {
    const { tuning } = options;
    if (!tuning) return new Map();
    const specs: TrialSpec[] = [];
    for (const p of new Map(planned.filter((each) => !(each.initName in unavailable)).map((each) => [each.taskName, each])).values()) specs.push(await specOf(p));
    const chosen = await tuning(tasksOf(device, specs), AbortSignal.any([signal, options.finish ?? never]));
    // A study keeps the choice that it begins with: not half of one.
    if (signal.aborted) throw new StudyInterrupted(`study "${config.name}" was interrupted before its first trial. Run the same command again.`);
    return chosen;
  });
  listener({ kind: "study", trials: planned.map((p) => p.name), done: [...results.keys()], chosen: chosen(config, sets), unavailable });
  const report = (): Report => {
    const trials = planned.flatMap((p) => results.get(p.name) ?? []);
    return {
      format: 1, config, environment, tunedKernels: kernels.size, unavailable, trials, cells: cellsOf(config, trials), comparisons: comparisonsOf(config, trials),
      data: Object.fromEntries([...sets].map(([task, set]) => [task, summaryOf(set)])),
      sources: Object.fromEntries(config.inits.map((name) => [name, sourceOf(options.inits, name).description])),
      seconds: trials.reduce((sum, t) => sum + t.seconds, 0),
    };
  };
  const progress = new TimeLeft(planned.filter((p) => !results.has(p.name)), sets);
  for (const [index, p] of planned.entries()) {
    if (results.has(p.name)) continue;
    if (options.finish?.aborted) break;
    const result = await runTrial(await specOf(p), { ...options, signal, listener: progress.listen(listener, p.name) }, identity(p), { index, of: planned.length });
    if (!result) throw new StudyInterrupted(`study "${config.name}" was interrupted in ${p.name}; its state is saved. Run the same command again to go on.`);
    results.set(p.name, result);
    listener({ kind: "result", trial: p.name, result });
    await writeReport(store, reportName, report());
  }
  const final = report();
  await writeReport(store, reportName, final);
  return final;
}

/** The results that a store has of these trials. Throws ConfigError where there are others under the names of some that can run, unless these may be replaced. */
async function finishedIn(store: Store, planned: readonly Planned[], identity: (p: Planned) => string, unavailable: Readonly<Record<string, string>>, { config, replace = false, listener }: StudyOptions): Promise<Map<string, TrialResult>> {
  const results = new Map<string, TrialResult>();
  const others: string[] = [];
  for (const p of planned) {
    const found = await readResult(store, p.name);
    if (found === "damaged") {
      listener?.({ kind: "note", text: `${p.name}: its result (${resultFile(p.name)}) is damaged or was changed; the trial runs again.` });
      continue;
    }
    // Weights that are gone can no longer be compared.
    const same = p.initName in unavailable ? isSameButWeights : Object.is;
    if (found && same(found.identity, identity(p))) results.set(p.name, found.result);
    else if (found && !(p.initName in unavailable)) others.push(p.name);
  }
  if (others.length > 0 && !replace) {
    throw new ConfigError(`study "${config.name}": ${others.slice(0, 3).join(", ")}${others.length > 3 ? ` and ${others.length - 3} others` : ""} finished here with other settings, data, weights or adapter. Choose another folder (--out), or have them trained again (--replace).`);
  }
  return results;
}

/** What the steps of these trials compute, one of each task. */
function tasksOf(device: Device, specs: readonly TrialSpec[]): OpenTask[] {
  return collectTasks(device, () => {
    for (const spec of specs) device.scope(() => new Trial(device, spec)).dispose();
  });
}

async function writeReport(store: Store, name: string, report: Report): Promise<void> {
  await store.write(`${name}.json`, formatReport(report));
  await store.write(`${name}.csv`, new TextEncoder().encode(reportCsv(report)));
  await store.write(`${name}.html`, new TextEncoder().encode(reportHtml(report)));
}
