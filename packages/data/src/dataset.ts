import { DataError } from "@roentgen/core";

import type { Image, Mask } from "./image.ts";
import { type Entry, parseListing, type SplitName, type Task } from "./listing.ts";
import { decodeMask, decodeRgb, MAX_SIDE } from "./png.ts";
import { hashFiles, sha256 } from "./sha256.ts";
import type { FileSource } from "./source.ts";

/** One image with what is known about it. `labels` as in the list; `mask` only in mask tasks, as large as the image. */
export interface Sample {
  readonly file: string;
  readonly subject: string;
  readonly labels: readonly number[];
  readonly image: Image;
  readonly mask: Mask | undefined;
}

/** A data set in memory. `hash` is SHA-256 over all file names and contents (see `hashFiles`), for reports and for resuming. */
export interface Dataset {
  readonly name: string;
  readonly task: Task;
  readonly hash: string;
  /** The samples of a split in the order of the list; none if the list has none. */
  split(name: SplitName): readonly Sample[];
}

/** Bounds on what is read: `maxSide` of an image in pixels, `maxFileBytes` of one file, `maxTotalBytes` of all decoded pixels. */
export interface LoadLimits {
  readonly maxSide?: number;
  readonly maxFileBytes?: number;
  readonly maxTotalBytes?: number;
}

export const INDEX_FILE = "index.json";
const MAX_INDEX_BYTES = 64 * 2 ** 20;
/** Files read at a time: enough to hide a server's delay, few enough for a process's open files. */
const AT_A_TIME = 16;

/**
 * Reads index.json and every file it names, and decodes them to RGB u8.
 *
 * Throws DataError, naming the file, where something is missing, damaged, too large, listed twice, labelled out of range, where
 * a mask does not fit its image, where a test subject appears in another split, or where two splits hold the same image.
 */
export async function loadDataset(source: FileSource, limits: LoadLimits = {}): Promise<Dataset> {
  const { maxSide = MAX_SIDE, maxFileBytes = 64 * 2 ** 20, maxTotalBytes = 2 * 2 ** 30 } = limits;
  const index = await read(source, INDEX_FILE, MAX_INDEX_BYTES);
  const listing = parseListing(new TextDecoder().decode(index), INDEX_FILE);
  const hashes = new Map([[INDEX_FILE, await sha256(index)]]);
  let total = 0;

  const load = async (entry: Entry): Promise<Sample> => {
    const bytes = await read(source, entry.file, maxFileBytes);
    const image = await decodeRgb(bytes, entry.file, { maxSide });
    hashes.set(entry.file, await sha256(bytes));
    let mask: Mask | undefined;
    if (entry.maskFile !== undefined) {
      const maskBytes = await read(source, entry.maskFile, maxFileBytes);
      mask = await decodeMask(maskBytes, entry.maskFile, { maxSide });
      hashes.set(entry.maskFile, await sha256(maskBytes));
      if (mask.width !== image.width || mask.height !== image.height) {
        throw new DataError(`${entry.maskFile}: the mask is ${mask.width}x${mask.height}, its image ${entry.file} is ${image.width}x${image.height}. They must be of one size.`);
      }
    }
    total += image.data.length + (mask?.data.length ?? 0);
    if (total > maxTotalBytes) throw new DataError(`${listing.name}: decoded images pass ${maxTotalBytes} bytes at ${entry.file}. Make the images smaller, or raise maxTotalBytes where you call loadDataset.`);
    return { file: entry.file, subject: entry.subject, labels: entry.labels, image, mask };
  };

  const samples: Sample[] = [];
  for (let i = 0; i < listing.entries.length; i += AT_A_TIME) {
    samples.push(...(await Promise.all(listing.entries.slice(i, i + AT_A_TIME).map(load))));
  }
  checkCopies(listing.entries, hashes);
  const bySplit = new Map<SplitName, readonly Sample[]>(
    (["train", "val", "test"] as const).map((name) => [name, samples.filter((_, i) => listing.entries[i]?.split === name)]),
  );
  return { name: listing.name, task: listing.task, hash: await hashFiles(hashes), split: (name) => bySplit.get(name) ?? [] };
}

async function read(source: FileSource, file: string, maxBytes: number): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await source.readFile(file, maxBytes);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${file}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (bytes.length > maxBytes) throw new DataError(`${file}: has ${bytes.length} bytes, at most ${maxBytes} are read. Is it the right file?`);
  return bytes;
}

/** The same image under two names in two splits is a leak that names cannot show. */
function checkCopies(entries: readonly Entry[], hashes: ReadonlyMap<string, string>): void {
  const first = new Map<string, Entry>();
  for (const entry of entries) {
    const hash = hashes.get(entry.file) ?? "";
    const other = first.get(hash);
    if (other && other.split !== entry.split) throw new DataError(`${entry.file} (${entry.split}) has the same bytes as ${other.file} (${other.split}). Splits must not share images; remove one.`);
    first.set(hash, other ?? entry);
  }
}
