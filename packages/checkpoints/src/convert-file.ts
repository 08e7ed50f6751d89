import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError, type StateDict } from "@roentgen/core";
import { type OpenedFile, withWeightFile } from "./file-source.ts";
import { type Conversion, convertContainer, type ConversionReport, type ConvertOptions, readAll } from "./methods/convert.ts";
import type { Numerics } from "./numerics.ts";
import { streamSafetensors } from "./safetensors-write.ts";

export type ConvertFileOptions = Omit<ConvertOptions, "fileName">;

export interface ConvertedFile {
  readonly report: ConversionReport;
  readonly numerics: Numerics;
  readonly metadata: ReadonlyMap<string, string>;
  readonly source: { readonly name: string; readonly bytes: number; readonly sha256: string };
  /** Absent without `out`. */
  readonly written?: { readonly path: string; readonly bytes: number };
}

/**
 * Converts a weight file to safetensors, a tensor at a time. The result is on disk for good before it gets its name: a
 * conversion that fails leaves no file.
 *
 * @param out  path of the result; without it the file is only examined, every tensor's name and shape included
 * @throws CheckpointError as `convertContainer`
 */
export async function convertFile(path: string, out: string | undefined, options: ConvertFileOptions = {}): Promise<ConvertedFile> {
  return withWeightFile(path, async (file) => {
    const { conversion, metadata, source } = await convertOpened(file, options);
    const described = { report: conversion.report, numerics: conversion.numerics, metadata, source };
    return out === undefined ? described : { ...described, written: await writeStream(out, streamSafetensors(conversion.tensors, metadata)) };
  });
}

/** A weight file as a state dict in memory. @throws CheckpointError as `convertContainer` */
export async function loadConverted(path: string, options: ConvertFileOptions = {}): Promise<ConvertedFile & { readonly tensors: StateDict }> {
  return withWeightFile(path, async (file) => {
    const { conversion, metadata, source } = await convertOpened(file, options);
    return { report: conversion.report, numerics: conversion.numerics, metadata, source, tensors: await readAll(conversion.tensors) };
  });
}

async function convertOpened(file: OpenedFile, options: ConvertFileOptions): Promise<{ conversion: Conversion; metadata: Map<string, string>; source: ConvertedFile["source"] }> {
  const conversion = await convertContainer(file.container, { ...options, fileName: file.name });
  const source = { name: file.name, bytes: file.bytes, sha256: await file.sha256() };
  const metadata = new Map([...conversion.metadata, ["roentgen.source_file", source.name], ["roentgen.source_bytes", String(source.bytes)], ["roentgen.source_sha256", source.sha256]]);
  return { conversion, metadata, source };
}

/** Half a mebibyte at once, so that hundreds of small tensors do not become hundreds of writes. */
const writeBytes = 1 << 19;

async function writeStream(path: string, pieces: AsyncIterable<Uint8Array>): Promise<{ path: string; bytes: number }> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  let bytes = 0;
  try {
    const file = await open(temporary, "wx").catch((error: NodeJS.ErrnoException) => {
      throw new CheckpointError(`${path} cannot be written: ${error.message}.`);
    });
    try {
      let waiting: Uint8Array[] = [];
      let waitingBytes = 0;
      const flush = async () => {
        if (waitingBytes > 0) await file.writeFile(waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting));
        waiting = [];
        waitingBytes = 0;
      };
      for await (const piece of pieces) {
        bytes += piece.length;
        waiting.push(piece);
        waitingBytes += piece.length;
        if (waitingBytes >= writeBytes) await flush();
      }
      await flush();
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return { path, bytes };
}
