// A weight file of any kind, read in the worker by the converter that `roentgen convert` is: nothing of it is executed or uploaded.

import { blobSource, type Conversion, convertContainer, openContainer, readAll, streamSafetensors } from "@roentgen/checkpoints";
import { CheckpointError } from "@roentgen/core";
import type { LoadedInit } from "@roentgen/runner";
import type { Depth, WeightsFacts } from "./choices.ts";

/** Larger than any released ResNet with its training state, and what a tab can hold. */
const mostFileBytes = 2 ** 30;
/** Of every ResNet that this page trains. */
const stemChannels = 64;

/** Examines a file, every tensor's name and shape included. Throws CheckpointError unless it holds exactly one ResNet. */
export async function inspectWeights(file: File): Promise<WeightsFacts> {
  const { numerics, report } = await open(file);
  return { depth: Number(/\d+$/.exec(report.arch)?.[0]) as Depth, numerics, report };
}

/** The file as a trial's first weights. */
export async function loadWeights(file: File): Promise<LoadedInit> {
  const { numerics, tensors } = await open(file);
  return { kind: "weights", tensors: await readAll(tensors), numerics };
}

/** The file as safetensors with torchvision's names: the bytes that `roentgen convert` writes. */
export async function convertWeights(file: File): Promise<Blob> {
  const { tensors, metadata } = await open(file);
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const source = new Map([
    ["roentgen.source_file", file.name],
    ["roentgen.source_bytes", String(file.size)],
    ["roentgen.source_sha256", [...sha256].map((byte) => byte.toString(16).padStart(2, "0")).join("")],
  ]);
  const pieces: Blob[] = [];
  // A Blob may lie on disk, so that not all of it is in memory at once.
  for await (const piece of streamSafetensors(tensors, new Map([...metadata, ...source]))) pieces.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
  return new Blob(pieces, { type: "application/octet-stream" });
}

async function open(file: File): Promise<Conversion> {
  if (file.size > mostFileBytes) throw new CheckpointError(`${file.name}: ${file.size} bytes; this page takes at most ${mostFileBytes}. On the command line, roentgen convert takes larger ones; its safetensors file may be small enough.`);
  // Nobody can be asked here whether unknown tensors may be left out: the page lists them.
  const conversion = await convertContainer(await openContainer(blobSource(file, file.name)), { fileName: file.name, dropUnknown: true });
  const { arch, width } = conversion.report;
  if (width !== stemChannels) throw new CheckpointError(`${file.name}: a ${arch} of width ${width}; this page trains width ${stemChannels} alone.`);
  return conversion;
}
