// index.json, the list that describes a data set: read as hostile, so that the rest of the package may trust it.
//
//   { "name": "plane", "version": 1,
//     "task": { "kind": "multiclass", "classes": ["axial", "coronal", "sagittal"] },
//     "samples": [ { "image": "train/a.png", "label": 0, "split": "train", "subject": "colin27" }, ... ] }
//
// A sample has `label` (multiclass: class index; binary: 0 or 1), `labels` (multilabel: 0 or 1 for each class), or `mask` (a file).
// Other fields (plane, positionMm, ...) are notes for readers.

import { DataError } from "@roentgen/core";

export type TaskKind = "multiclass" | "multilabel" | "binary" | "mask";
export type SplitName = "train" | "val" | "test";

/** What a model is asked. A binary or mask task names one class, the positive one. */
export interface Task {
  readonly kind: TaskKind;
  readonly classes: readonly string[];
}

/** One row of the list. `labels`: [class index], [0 or 1], or 0 or 1 for each class; empty for masks. */
export interface Entry {
  readonly file: string;
  readonly maskFile: string | undefined;
  readonly labels: readonly number[];
  readonly split: SplitName;
  readonly subject: string;
}

export interface Listing {
  readonly name: string;
  readonly task: Task;
  readonly entries: readonly Entry[];
}

export const SPLITS: readonly SplitName[] = ["train", "val", "test"];
const KINDS: readonly TaskKind[] = ["multiclass", "multilabel", "binary", "mask"];
const MAX_SAMPLES = 1_000_000;
const MAX_CLASSES = 1000;

/** Reads and checks the text of an index.json; `file` names it in errors. Throws DataError with the sample and what is wrong. */
export function parseListing(text: string, file: string): Listing {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${file}: is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!isRecord(json)) throw new DataError(`${file}: expected an object with name, version, task and samples.`);
  if (json.version !== 1) throw new DataError(`${file}: "version" is ${show(json.version)}, this reader knows 1.`);
  const name = json.name;
  if (typeof name !== "string" || !/^[\w.-]{1,100}$/.test(name)) throw new DataError(`${file}: "name" is letters, digits, ".", "_" and "-", got ${show(name)}.`);
  const task = parseTask(json.task, file);
  const samples = json.samples;
  if (!Array.isArray(samples) || samples.length === 0 || samples.length > MAX_SAMPLES) throw new DataError(`${file}: "samples" is a list of 1 to ${MAX_SAMPLES} entries.`);
  const entries = samples.map((sample: unknown, i) => parseEntry(sample, task, `${file}: sample ${i}`));
  checkFiles(entries, file);
  checkSubjects(entries, file);
  return { name, task, entries };
}

function parseTask(task: unknown, file: string): Task {
  const kind = isRecord(task) ? KINDS.find((k) => k === task.kind) : undefined;
  if (!isRecord(task) || !kind) throw new DataError(`${file}: "task.kind" is one of ${KINDS.join(", ")}, got ${show(isRecord(task) ? task.kind : task)}.`);
  const classes: unknown = task.classes;
  if (!Array.isArray(classes) || classes.length > MAX_CLASSES || !classes.every((c): c is string => typeof c === "string" && c.length > 0 && c.length <= 100)) {
    throw new DataError(`${file}: "task.classes" is a list of at most ${MAX_CLASSES} names.`);
  }
  if (new Set(classes).size !== classes.length) throw new DataError(`${file}: "task.classes" names a class twice: ${classes.join(", ")}.`);
  const [least, most] = kind === "multiclass" ? [2, MAX_CLASSES] : kind === "multilabel" ? [1, MAX_CLASSES] : [1, 1];
  if (classes.length < least || classes.length > most) throw new DataError(`${file}: a ${kind} task has ${least === most ? least : `${least} or more`} classes, got ${classes.length}.`);
  return { kind, classes };
}

function parseEntry(sample: unknown, task: Task, where: string): Entry {
  if (!isRecord(sample)) throw new DataError(`${where}: expected an object, got ${show(sample)}.`);
  const file = parsePath(sample.image, `${where}: "image"`);
  const split = SPLITS.find((s) => s === sample.split);
  if (!split) throw new DataError(`${where} (${file}): "split" is one of ${SPLITS.join(", ")}, got ${show(sample.split)}.`);
  const subject = sample.subject;
  if (typeof subject !== "string" || subject.length === 0 || subject.length > 200) throw new DataError(`${where} (${file}): "subject" says whose image it is, got ${show(subject)}.`);
  const maskFile = task.kind === "mask" ? parsePath(sample.mask, `${where} (${file}): "mask"`) : undefined;
  return { file, maskFile, labels: parseLabels(sample, task, `${where} (${file})`), split, subject };
}

function parseLabels(sample: Record<string, unknown>, task: Task, where: string): number[] {
  const bit = (v: unknown): v is number => v === 0 || v === 1;
  const { label, labels } = sample;
  const count = task.classes.length;
  switch (task.kind) {
    case "mask":
      return [];
    case "multiclass":
      if (typeof label === "number" && Number.isInteger(label) && label >= 0 && label < count) return [label];
      throw new DataError(`${where}: "label" is a class from 0 to ${count - 1} (${task.classes.join(", ")}), got ${show(label)}.`);
    case "binary":
      if (bit(label)) return [label];
      throw new DataError(`${where}: "label" is 0 or 1 (${task.classes[0]}), got ${show(label)}.`);
    case "multilabel":
      if (Array.isArray(labels) && labels.length === count && labels.every(bit)) return [...labels];
      throw new DataError(`${where}: "labels" is ${count} times 0 or 1 (${task.classes.join(", ")}), got ${show(labels)}.`);
    default:
      return task.kind satisfies never;
  }
}

/** A path inside the data set: nothing that climbs out of it, and nothing that two systems read differently. */
function parsePath(path: unknown, where: string): string {
  const parts = typeof path === "string" && path.length <= 255 ? path.split("/") : [];
  if (parts.length === 0 || !parts.every((part) => /^[\w.()-]+( [\w.()-]+)*$/.test(part) && !/^\.+$/.test(part))) {
    throw new DataError(`${where} is a file below the data set's folder, of letters, digits, ".", "_", "-", "()", "/" and single spaces within names, got ${show(path)}.`);
  }
  return parts.join("/");
}

function checkFiles(entries: readonly Entry[], file: string): void {
  const seen = new Set<string>();
  for (const name of entries.flatMap((e) => (e.maskFile ? [e.file, e.maskFile] : [e.file]))) {
    // Two names that differ in case are one file on some systems.
    const key = name.toLowerCase();
    if (seen.has(key)) throw new DataError(`${file}: ${name} is listed twice. Each image and each mask belongs to one sample.`);
    seen.add(key);
  }
}

/** A person in the test split whom training or model selection has seen would make the result worthless. */
function checkSubjects(entries: readonly Entry[], file: string): void {
  const seenIn = new Map(entries.filter((e) => e.split !== "test").map((e) => [e.subject, e]));
  for (const entry of entries) {
    const other = entry.split === "test" ? seenIn.get(entry.subject) : undefined;
    if (other) {
      throw new DataError(`${file}: subject "${entry.subject}" is in test (${entry.file}) and in ${other.split} (${other.file}). Test subjects appear nowhere else; move one of them.`);
    }
  }
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);
const show = (v: unknown): string => (JSON.stringify(v) ?? String(v)).slice(0, 80);
