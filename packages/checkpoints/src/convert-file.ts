import { type FileHandle, stat } from "node:fs/promises";
import { ConfigError, type StateDict } from "@roentgen/core";
import { writeWhole } from "@roentgen/core/node";
import { type OpenedFile, withWeightFile } from "./file-source.ts";
import { type Conversion, convertContainer, type ConversionReport, type ConvertOptions, readAll } from "./methods/convert.ts";
import type { Numerics } from "./numerics.ts";
import { safetensorsLayout, streamSafetensors } from "./safetensors-write.ts";

export interface ConvertFileOptions extends Omit<ConvertOptions, "fileName"> {
  /** Of an archive of several files: the one that is meant, by its path or the end of it. */
  readonly member?: string | undefined;
}

export interface ConvertedFile {
  readonly report: ConversionReport;
  readonly numerics: Numerics;
  readonly metadata: ReadonlyMap<string, string>;
  readonly source: { readonly name: string; readonly bytes: number; readonly sha256: string };
  /** Absent without `out`. */
  readonly written?: { readonly path: string; readonly bytes: number };
}

/**
 * Converts a weight file to safetensors, a tensor at a time, under a temporary name until it is whole: a conversion that fails or is
 * killed leaves no file under the result's name. It is not flushed to the disk first, which would take as long as all the rest: a
 * machine that loses its power meanwhile may keep a file that is too short, which every reader refuses and a second run replaces.
 *
 * @param out  path of the result; without it the file is only examined, every tensor's name and shape included
 * @throws CheckpointError as `convertContainer`; ConfigError if `out` is the file itself
 */
export async function convertFile(path: string, out: string | undefined, options: ConvertFileOptions = {}): Promise<ConvertedFile> {
  return withWeightFile(path, async (file) => {
    const conversion = await convertContainer(file.container, { ...options, fileName: file.name });
    if (out === undefined) return describe(conversion, file, await file.sha256());
    if (await isSame(path, out)) throw new ConfigError(`${out}: is the file that is to be converted, which may hold more than its weights. Choose another --out.`);
    return writeWhole(out, async (target) => {
      // The file is hashed while its tensors are written. The header, which holds the hash, has room kept for it and comes last.
      const bytes = await writePieces(target, streamSafetensors(conversion.tensors, describe(conversion, file, "0".repeat(64)).metadata));
      const described = describe(conversion, file, await file.sha256());
      await writeAll(target, safetensorsLayout(conversion.tensors, described.metadata).header, 0);
      return { ...described, written: { path: out, bytes } };
    });
  }, { hashAtOnce: true, member: options.member });
}

/** A weight file as a state dict in memory. @throws CheckpointError as `convertContainer` */
export async function loadConverted(path: string, options: ConvertFileOptions = {}): Promise<ConvertedFile & { readonly tensors: StateDict }> {
  return withWeightFile(path, async (file) => {
    const conversion = await convertContainer(file.container, { ...options, fileName: file.name });
    return { ...describe(conversion, file, await file.sha256()), tensors: await readAll(conversion.tensors) };
  }, { hashAtOnce: true, member: options.member });
}

function describe({ report, numerics, metadata }: Conversion, { name, bytes }: OpenedFile, sha256: string): ConvertedFile {
  const noted = new Map([...metadata, ["roentgen.source_file", name], ["roentgen.source_bytes", String(bytes)], ["roentgen.source_sha256", sha256]]);
  return { report, numerics, metadata: noted, source: { name, bytes, sha256 } };
}

/** Whether two paths lead to one file. */
async function isSame(path: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([path, other].map((each) => stat(each, { bigint: true }).catch(() => null)));
  return a !== null && a?.dev === b?.dev && a?.ino === b?.ino;
}

/** Small pieces are gathered, so that hundreds of small tensors do not become hundreds of writes. */
const gatheredBytes = 1 << 19;

/** Returns their bytes together. */
async function writePieces(target: FileHandle, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  const gathered = new Uint8Array(gatheredBytes);
  let waiting = 0;
  let written = 0;
  const write = async (piece: Uint8Array) => {
    await writeAll(target, piece, written);
    written += piece.length;
  };
  for await (const piece of pieces) {
    if (waiting + piece.length > gatheredBytes) {
      await write(gathered.subarray(0, waiting));
      waiting = 0;
    }
    if (piece.length > gatheredBytes) await write(piece);
    else {
      gathered.set(piece, waiting);
      waiting += piece.length;
    }
  }
  await write(gathered.subarray(0, waiting));
  return written;
}

async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await target.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
}
