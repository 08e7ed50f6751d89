// The data sets of a study: loaded, held against the tasks that use them, summarised.

import { ConfigError, DataError } from "@roentgen/core";
import type { Dataset } from "@roentgen/data";
import type { StudyConfig, TaskConfig } from "./config.ts";
import type { DataSummary } from "./results.ts";
import type { StudyOptions } from "./study-options.ts";

/** The set of each task. Throws DataError or ConfigError for one that its task cannot be trained or tested on. */
export async function loadDatasets({ config, datasets }: Pick<StudyOptions, "config" | "datasets">): Promise<Map<string, Dataset>> {
  const sets = new Map<string, Dataset>();
  for (const [name, task] of Object.entries(config.tasks)) {
    const set = await datasets(task.data).catch((error: unknown) => {
      throw error instanceof DataError ? new DataError(`tasks.${name}: ${task.data}: ${error.message}`) : error;
    });
    checkKind(name, task, set);
    checkSplits(name, task, set);
    sets.set(name, set);
  }
  return sets;
}

/** The losses of each kind of task. */
const lossesOf: Readonly<Record<Dataset["task"]["kind"], readonly TaskConfig["loss"][]>> = { multiclass: ["cross-entropy"], binary: ["bce"], multilabel: ["bce"], mask: ["bce", "dice", "bce+dice"] };

/** Throws ConfigError for a model or a loss that is not made for such labels. */
function checkKind(name: string, { model, loss }: TaskConfig, { name: set, task: { kind } }: Dataset): void {
  const wanted = kind === "mask" ? "unet" : "resnet";
  if (model.kind !== wanted) throw new ConfigError(`tasks.${name}: ${set} is ${kind}; its model is a ${wanted}, not a ${model.kind}. Set model.kind: ${wanted}.`);
  if (!lossesOf[kind].includes(loss)) throw new ConfigError(`tasks.${name}: ${set} is ${kind}; its loss is ${lossesOf[kind].join(" or ")}, not ${loss}.`);
}

/** Throws DataError for a split that training or testing would only miss at its end. */
function checkSplits(name: string, { batch }: TaskConfig, set: Dataset): void {
  const images = summaryOf(set).images;
  if (images.train < batch) throw new DataError(`tasks.${name}: ${images.train} training images make no batch of ${batch}. Take a smaller batch, or look at "split" in the list.`);
  for (const split of ["validation", "test"] as const) {
    if (images[split] === 0) throw new DataError(`tasks.${name}: ${set.name} has no ${split} images. Look at "split" in the list.`);
  }
}

const splitNames = { train: "train", validation: "val", test: "test" } as const;

export function summaryOf(set: Dataset): DataSummary {
  const each = <T>(of: (samples: ReturnType<Dataset["split"]>) => T) =>
    Object.fromEntries(Object.entries(splitNames).map(([name, split]) => [name, of(set.split(split))])) as Record<keyof typeof splitNames, T>;
  return { name: set.name, hash: set.hash, classes: set.task.classes, images: each((s) => s.length), subjects: each((s) => [...new Set(s.map((x) => x.subject))]) };
}

/** What will be done, in words. */
export function chosen(config: StudyConfig, sets: ReadonlyMap<string, Dataset>): string[] {
  return Object.entries(config.tasks).map(([name, task]) => {
    const { images, hash } = summaryOf(sets.get(name) as Dataset);
    const { kind, depth, strideOn } = task.model;
    return `${name}: ${kind === "unet" ? "U-Net, " : ""}ResNet-${depth} (stride on the ${strideOn}), ${task.size} px, batch ${task.batch}, at most ${task.epochs} epochs, ${task.optimizer.kind} ${task.optimizer.lr}, ${task.loss}; ` +
      `${images.train} / ${images.validation} / ${images.test} images (sha256 ${hash.slice(0, 12)})`;
  });
}
