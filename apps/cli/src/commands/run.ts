import { dirname, join, resolve } from "node:path";
import { openDevice } from "@roentgen/gpu/node";
import { type Report, reportTable, runStudy } from "@roentgen/runner";
import { folderStore, lockFolder } from "@roentgen/runner/node";
import { tuningFor, winnersOf } from "@roentgen/tensor";
import { environmentOf } from "../environment.ts";
import { catchInterrupts } from "../interrupts.ts";
import { showProgress } from "../progress.ts";
import { shownPath } from "../shown-path.ts";
import { datasetsBeside, initsOf, narrowed, readStudy, reportNameIn } from "../study-parts.ts";
import { tuningFiles } from "../tuning-file.ts";

export interface RunOptions {
  readonly out?: string;
  readonly trials?: number;
  readonly tasks?: readonly string[];
  readonly inits?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly adapter?: string;
  readonly native?: boolean;
  readonly tune?: boolean;
  readonly memory?: number;
  readonly offline?: boolean;
  readonly replace?: boolean;
}

/** `roentgen run`: a study from its file to its report, going on where an earlier run stopped. */
export async function run(study: string, options: RunOptions): Promise<void> {
  const whole = await readStudy(study);
  const config = narrowed(whole, options);
  const folder = resolve(options.out ?? join("runs", config.name));
  const { stderr } = process;
  const progress = showProgress({ stream: stderr, isTerminal: stderr.isTTY === true && process.env.TERM !== "dumb" && !process.env.CI });
  const tell = options.quiet ? () => undefined : progress.line;
  const inits = await initsOf(config.inits, study, { allowDownload: options.offline !== true, onProgress: tell });
  const interrupts = catchInterrupts(progress.line, (code) => {
    progress.stop();
    process.exit(code);
  });
  const unlock = await lockFolder(folder);
  const reportName = await reportNameIn(folder, whole, config);
  const device = await openDevice({ adapter: options.adapter, native: options.native, budgetBytes: options.memory ?? config.memoryBudget }).catch(async (error: unknown) => {
    await unlock();
    throw error;
  });
  try {
    tell(`${config.title ?? config.name}, on ${device.info.description || device.info.device}${device.info.software ? " (software)" : ""}${options.native ? ", native" : ""}; results in ${shownPath(folder)}`);
    const report = await runStudy({
      config, device, reportName,
      replace: options.replace === true,
      datasets: datasetsBeside(study),
      inits,
      store: folderStore(folder),
      tuning: (tasks, signal) => tuningFor(device, tasks, tuningFiles, {
        measure: options.tune === true, signal, onProgress: (done, all) => tell(`kernels: ${done} of ${all} shapes measured`), onLost: ({ message }) => tell(`kernels: ${message} They will be measured again by another study.`),
      }).then(winnersOf),
      listener: options.quiet ? () => undefined : progress.listener,
      signal: interrupts.signal,
      environment: await environmentOf(device.info),
    });
    progress.stop();
    print(report, join(folder, reportName), options.json === true);
  } catch (error) {
    progress.stop();
    throw interrupts.exitCode !== undefined && error instanceof Error && error.name === "StudyInterrupted" ? Object.assign(error, { exitCode: interrupts.exitCode }) : error;
  } finally {
    interrupts.release();
    device.close();
    await unlock();
  }
}

/** @param path  of the report's files, without their endings */
function print(report: Report, path: string, json: boolean): void {
  const page = `${path}.html`;
  if (json) {
    const { config, environment, unavailable, cells, comparisons, seconds } = report;
    process.stdout.write(`${JSON.stringify({ name: config.name, folder: dirname(path), report: `${path}.json`, page, environment, unavailable, cells, comparisons, seconds }, null, 2)}\n`);
  } else process.stdout.write(`\n${reportTable(report)}\n\nReport: ${shownPath(page)}\n`);
}
