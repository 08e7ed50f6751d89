// What a kept model file says of itself: all that is needed to apply its tensors to images, as JSON under one key of the
// safetensors metadata. Everything else about the file is as any other's with torchvision's names.

import { parseSafetensors } from "@roentgen/checkpoints";
import { CheckpointError, type StateDict } from "@roentgen/core";
import { MAX_SIDE } from "@roentgen/data";
import { resnetDepths } from "@roentgen/models";
import { z } from "zod";
import { inputOf, inUnitRange } from "./inits.ts";
import type { TrialSpec } from "./trial.ts";

export const keptModelKey = "roentgen.model";
/** Of this description. A reader refuses those that it does not know. */
const format = 1;
/** Larger than any U-Net of ours. */
export const mostModelBytes = 2 ** 30;
/** A thousand classes of a hundred escaped characters each fit. */
const mostTextLength = 2 ** 20;

/** An initialisation may be named by a path. */
const name = z.string().min(1).max(5000);
const three = (each: z.ZodNumber) => z.tuple([each, each, each]).readonly();

const facts = z
  .strictObject({
    format: z.literal(format),
    /** Version that kept it. */
    roentgen: name,
    trial: name,
    init: name,
    task: z.strictObject({
      kind: z.enum(["multiclass", "multilabel", "binary", "mask"]),
      classes: z.array(z.string().min(1).max(100)).min(1).max(1000).refine((classes) => new Set(classes).size === classes.length, "expected each class once"),
    }),
    network: z.strictObject({
      kind: z.enum(["resnet", "unet"]),
      depth: z.literal([...resnetDepths]),
      strideOn: z.enum(["3x3", "1x1"]),
      padding: z.enum(["symmetric", "same"]),
      poolPadding: z.enum(["symmetric", "same"]),
      eps: z.number().positive(),
    }),
    /** Height and width that images are brought to. */
    size: z.int().min(1).max(MAX_SIDE),
    /** Images of a pass when it was tested: another number may round otherwise. */
    batch: z.int().min(1).max(65_536),
    precision: z.enum(["f32", "mixed"]),
    /** Of RGB in [0, 1]. */
    input: z.strictObject({ mean: three(z.number()), std: three(z.number().positive()) }),
  })
  .superRefine(({ task: { kind, classes }, network, size }, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    if ((kind === "mask") !== (network.kind === "unet")) refuse(["network", "kind"], `a ${network.kind} does not answer a ${kind} task`);
    if (kind === "multiclass" ? classes.length < 2 : kind !== "multilabel" && classes.length > 1) refuse(["task", "classes"], `${classes.length} do not make a ${kind} task`);
    if (network.kind === "unet" && size % 32) refuse(["size"], "a U-Net's is a multiple of 32");
  });

export type ModelFacts = z.infer<typeof facts>;

export interface KeptModel {
  /** The file's, for errors. */
  readonly name: string;
  readonly facts: ModelFacts;
  readonly tensors: StateDict;
}

/** The description of a trial's model, as `parseKeptModel` reads it. The same trial gives the same text. */
export function keptModelText({ name, initName, init, task, dataset }: TrialSpec, roentgen: string): string {
  const { kind, depth, strideOn, padding, poolPadding = padding, eps } = task.model;
  return JSON.stringify({
    format, roentgen, trial: name, init: initName,
    task: { kind: dataset.task.kind, classes: [...dataset.task.classes] },
    network: { kind, depth, strideOn, padding, poolPadding, eps },
    size: task.size, batch: task.evaluationBatch ?? task.batch, precision: task.precision, input: inUnitRange(inputOf(init)),
  } satisfies ModelFacts);
}

/**
 * Reads a model that a study kept. Files are hostile until checked.
 *
 * @param name  who speaks in errors: the file's name
 * @throws CheckpointError for a file that is no safetensors file, was not kept by a study, or describes itself wrongly
 */
export function parseKeptModel(bytes: Uint8Array, name: string): KeptModel {
  let file: ReturnType<typeof parseSafetensors>;
  try {
    file = parseSafetensors(bytes, { name });
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${error.message} ${whereToFind}`);
  }
  const text = file.metadata.get(keptModelKey);
  if (text === undefined) throw new CheckpointError(`${name}: not a model kept by a roentgen study: its metadata have no ${keptModelKey}. ${whereToFind} Of an earlier version's study, run it again into another folder (--out).`);
  return { name, facts: parseFacts(text, name), tensors: file.tensors };
}

const whereToFind = "Give a file of the folder models of a study's results, or one saved in the page.";

function parseFacts(text: string, name: string): ModelFacts {
  const who = `${name}: ${keptModelKey} of its metadata`;
  if (text.length > mostTextLength) throw new CheckpointError(`${who} has ${text.length} characters, at most ${mostTextLength} are read. It was not written by a study.`);
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError(`${who} is not JSON: ${error instanceof Error ? error.message : error}. It is damaged; take the file that the study wrote.`);
  }
  const found = typeof raw === "object" && raw !== null && "format" in raw ? raw.format : undefined;
  if (typeof found === "number" && found > format) throw new CheckpointError(`${who} has format ${found}, this version reads ${format}. Update roentgen.`);
  const checked = facts.safeParse(raw);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.slice(0, 5).map((issue) => `${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new CheckpointError(`${who} is wrong: ${problems.join("; ")}. It was changed since; take the file that the study wrote.`);
}

/** A line for people: `ResNet-18, 64 px; multiclass axial, coronal, sagittal`. */
export function keptModelTitle({ network: { kind, depth }, size, task, precision }: ModelFacts): string {
  const classes = `${task.classes.slice(0, 6).join(", ")}${task.classes.length > 6 ? ", …" : ""}`;
  return `${kind === "unet" ? "U-Net, " : ""}ResNet-${depth}, ${size} px${precision === "mixed" ? ", mixed precision" : ""}; ${task.kind === "mask" ? "masks of" : task.kind} ${classes}`;
}
