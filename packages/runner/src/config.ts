// A study's configuration: what a YAML file says, checked. Every default is written out in report.json.

import { ConfigError, parseBytes } from "@roentgen/core";
import { resnetDepths } from "@roentgen/models";
import { parse } from "yaml";
import { z } from "zod";

const positive = z.number().positive();
const count = z.int().positive();

const model = z.strictObject({
  kind: z.enum(["resnet", "unet"]),
  depth: z.literal([...resnetDepths]).default(50),
  /** Where a bottleneck strides. Weights that were trained otherwise are refused. */
  strideOn: z.enum(["3x3", "1x1"]).default("3x3"),
  padding: z.enum(["symmetric", "same"]).default("symmetric"),
  /** Of the max-pool; left out, as `padding`. */
  poolPadding: z.enum(["symmetric", "same"]).optional(),
  eps: positive.default(1e-5),
  /** Stages of the encoder that train nothing: 0 also freezes the stem, null freezes nothing. */
  freezeStages: z.int().min(0).max(4).nullable().default(null),
});

const optimizer = z.strictObject({
  kind: z.enum(["adam", "adamw", "sgd"]).default("adam"),
  lr: positive,
  weightDecay: z.number().min(0).default(0),
  momentum: z.number().min(0).max(1).default(0.9),
  nesterov: z.boolean().default(false),
  maxGradNorm: positive.nullable().default(null),
});

const schedule = z.strictObject({
  kind: z.enum(["constant", "cosine", "linear", "step", "plateau"]).default("constant"),
  /** Epochs over which cosine and linear run down; default all. */
  total: count.optional(),
  /** Epochs by which cosine trails (benchmark protocol 5.1: 1). */
  lag: z.int().min(0).default(0),
  every: count.default(10),
  factor: positive.default(0.5),
  patience: z.int().min(0).default(5),
  warmUpEpochs: z.int().min(0).default(0),
});

const fraction = z.number().min(0).max(1);

const range = (each: z.ZodNumber) => z.tuple([each, each]).refine(([low, high]) => 0 < low && low <= high, "expected [low, high], above 0 and in that order");

/** Random crop (area and aspect ratio; false: the whole image), mirror image with a probability, rotation. */
const classificationAugment = z.strictObject({
  crop: z.union([z.literal(false), z.strictObject({ area: range(fraction).default([0.08, 1]), ratio: range(positive).default([3 / 4, 4 / 3]) })]).default(false),
  flip: z.union([z.literal(false), fraction]).default(false),
  rotateDegrees: z.union([z.literal(false), positive.max(180)]).default(false),
});

const task = z.strictObject({
  /** Name of the data set, as the caller resolves it: `demo/plane`, or a folder. */
  data: z.string().min(1),
  title: z.string().optional(),
  model,
  /** Height and width that images are brought to. */
  size: count,
  /** Images of one optimiser step. */
  batch: count,
  /** Equal parts that a batch is computed in, one after the other, to need less memory. Each batch norm sees a part by itself. */
  accumulate: count.default(1),
  /** How images between layers and filters are stored: f32, or f16 with f32 parameters, sums and loss scaling. */
  precision: z.enum(["f32", "mixed"]).default("f32"),
  evaluationBatch: count.optional(),
  epochs: count,
  /** Training ends after more than this many epochs in a row without a lower validation loss. */
  patience: z.int().min(0),
  loss: z.enum(["cross-entropy", "bce", "dice", "bce+dice"]),
  labelSmoothing: z.number().min(0).max(1).default(0),
  optimizer,
  schedule: schedule.prefault({}),
  augment: z.union([z.enum(["none", "segmentation"]), classificationAugment]).default("none"),
  /** Averages the probabilities of ten crops at test time. */
  tenCrop: z.boolean().default(false),
});

const study = z.strictObject({
  name: z.string().regex(/^(?!\.+$)[\w.-]+$/, "letters, digits, dots, dashes and underscores only, and not dots alone"),
  title: z.string().optional(),
  inits: z.array(z.string().min(1)).min(1),
  /** Every other init is compared with this one. */
  baseline: z.string().optional(),
  /** Trials of each cell; a trial's seed is drawn from `seed`, task, init and its number. */
  trials: count,
  seed: z.int().min(0).default(0),
  /** Most GPU memory to hold, such as 2GB, for the caller to open the device with. Steps that need more use gradient checkpointing. */
  memoryBudget: z.union([z.int().positive(), z.string()]).transform((budget, context) => {
    const value = typeof budget === "number" ? budget : parseBytes(budget);
    if (value === null) context.addIssue({ code: "custom", message: "expected bytes, such as 500MB or 4GiB" });
    return value ?? 0;
  }).optional(),
  tasks: z.record(z.string().regex(/^[\w-]+$/), task).refine((tasks) => Object.keys(tasks).length > 0, "a study has one task or more"),
});

export type StudyConfig = z.infer<typeof study>;
export type TaskConfig = z.infer<typeof task>;
export type ModelConfig = z.infer<typeof model>;

/** Reads a study from YAML (or JSON). Throws ConfigError with every field that is wrong. */
export function parseStudy(text: string, source = "study"): StudyConfig {
  let raw: unknown;
  try {
    raw = parse(text, { maxAliasCount: 20 });
  } catch (error) {
    throw new ConfigError(`${source}: not valid YAML: ${error instanceof Error ? error.message : error}`);
  }
  const checked = study.safeParse(raw);
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) => `  ${issue.path.join(".") || "(top)"}: ${issue.message}`);
    throw new ConfigError(`${source}: ${problems.length === 1 ? "one field is" : `${problems.length} fields are`} wrong:\n${problems.join("\n")}`);
  }
  const config = checked.data;
  if (config.baseline !== undefined && !config.inits.includes(config.baseline)) throw new ConfigError(`${source}: baseline "${config.baseline}" is not among inits (${config.inits.join(", ")}).`);
  if (new Set(config.inits).size !== config.inits.length) throw new ConfigError(`${source}: inits names one twice.`);
  for (const [name, { model: kind, loss, size, batch, accumulate, tenCrop, optimizer }] of Object.entries(config.tasks)) {
    const masks = loss === "dice" || loss === "bce+dice";
    if (kind.kind === "unet" && loss === "cross-entropy") throw new ConfigError(`${source}: tasks.${name}: a U-Net draws masks; its loss is bce, dice or bce+dice.`);
    if (kind.kind === "resnet" && masks) throw new ConfigError(`${source}: tasks.${name}: ${loss} compares masks; a classifier's loss is cross-entropy or bce.`);
    if (batch % accumulate) throw new ConfigError(`${source}: tasks.${name}: accumulate ${accumulate} does not cut a batch of ${batch} into equal parts.`);
    if (kind.kind === "unet" && tenCrop) throw new ConfigError(`${source}: tasks.${name}: tenCrop averages the classes of ten crops; a U-Net's masks have none.`);
    if (optimizer.nesterov && (optimizer.kind !== "sgd" || optimizer.momentum === 0)) throw new ConfigError(`${source}: tasks.${name}: nesterov is of sgd with momentum.`);
    if (kind.kind === "unet" && size % 32) throw new ConfigError(`${source}: tasks.${name}: a U-Net's size must be a multiple of 32, not ${size}.`);
  }
  return config;
}
