import type { InflateRaw } from "node:zlib";
import { CheckpointError } from "@roentgen/core";
import { Inflate } from "fflate";
import { crc32 } from "../crc.ts";
import { chunksOf, type RandomAccess, windowOf } from "../random-access.ts";
import { fromNothingBytes, mostRatio, pageBytes, Pages, type UnpackAllowance } from "./pages.ts";

/** Sixteen kilobytes expand to at most 16 MiB (deflate's best is 1032:1), so bounds are met in small steps. */
const stepBytes = 1 << 14;

/** Unpacks a raw deflate stream a step at a time. Pieces are memory of their own, for whoever gets them to keep. */
interface Inflater {
  /** What the next packed bytes, of which the last are marked, unpack to. Throws what is wrong with them. */
  push(step: Uint8Array, last: boolean): Promise<Uint8Array[]>;
  /** Whether the stream came to its end. */
  readonly ended: boolean;
}

/** fflate's, where there is no Node. */
export function portableInflater(): Inflater {
  let pieces: Uint8Array[] = [];
  let ended = false;
  const stream = new Inflate((piece, final) => {
    pieces.push(piece);
    ended = final;
  });
  return {
    get ended() {
      return ended;
    },
    async push(step, last) {
      pieces = [];
      stream.push(step, last);
      return pieces;
    },
  };
}

/** Node's fills buffers of a megabyte from front to back, and leaves no other garbage; a tab has no `process`. */
const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");

function nodeInflater(stream: InflateRaw): Inflater {
  let pieces: Uint8Array[] = [];
  let [ended, finished] = [false, false];
  let fault: Error | undefined;
  let wake = (): void => undefined;
  stream.on("data", (piece: Uint8Array) => pieces.push(piece));
  stream.on("end", () => {
    [ended, finished] = [true, true];
    wake();
  });
  stream.on("error", (error) => {
    [fault, finished] = [error, true];
    wake();
  });
  return {
    get ended() {
      return ended;
    },
    async push(step, last) {
      // What follows the end of the stream is ignored, as fflate does: lengths and checksums are checked by who knows them.
      if (!finished) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (last) stream.end(step);
          else stream.write(step, () => resolve());
        });
      }
      if (fault) throw fault;
      const made = pieces;
      pieces = [];
      return made;
    },
  };
}

/**
 * A raw deflate stream (RFC 1951), unpacked a piece at a time. Throws CheckpointError if it is damaged or cut off.
 *
 * @param expected  bytes that are said to come: a small file must not keep a large buffer
 */
async function* inflating(source: RandomAccess, expected: number): AsyncGenerator<Uint8Array> {
  const stream = zlib?.createInflateRaw({ chunkSize: Math.min(Math.max(expected, 64), pageBytes) });
  const inflater = stream ? nodeInflater(stream) : portableInflater();
  let left = source.size;
  try {
    for await (const chunk of chunksOf(source)) {
      for (let i = 0; i < chunk.length; i += stepBytes) {
        const step = chunk.subarray(i, i + stepBytes);
        left -= step.length;
        yield* await inflater.push(step, left === 0).catch((error: unknown) => {
          throw new CheckpointError(`${source.name}: cannot be unpacked (${error instanceof Error ? error.message : error}). It is damaged or cut off.`);
        });
      }
    }
  } finally {
    stream?.destroy();
  }
  if (!inflater.ended && source.size > 0) throw new CheckpointError(`${source.name}: cannot be unpacked to its end. It is damaged or cut off.`);
}

/**
 * Inflates a raw deflate stream to exactly `bytes` bytes, in memory.
 * @throws CheckpointError if it is damaged, has another length, or unpacks to more than is allowed
 */
export async function inflate(source: RandomAccess, bytes: number, crc: number, allowance: UnpackAllowance): Promise<RandomAccess> {
  allowance.take(bytes, source.size, source.name);
  const pages = new Pages();
  let sum = 0;
  for await (const piece of inflating(source, bytes)) {
    if (pages.size + piece.length > bytes) throw new CheckpointError(`${source.name}: unpacks to more than the ${bytes} bytes it claims. It is damaged.`);
    sum = crc32(piece, sum);
    pages.add(piece);
  }
  if (pages.size !== bytes) throw new CheckpointError(`${source.name}: unpacks to ${pages.size} bytes, claims ${bytes}. It is damaged or cut off.`);
  if (sum !== crc) throw new CheckpointError(`${source.name}: the checksum is wrong. The file is damaged.`);
  return pages.source(source.name);
}

/**
 * The contents of a gzip file (RFC 1952) with one member, a piece at a time. Whoever takes all of them has its checksum checked.
 * @throws CheckpointError if it is damaged, or unpacks to more than 128 MiB and twenty times its size
 */
export async function* gunzipping(source: RandomAccess): AsyncGenerator<Uint8Array> {
  const cutOff = () => new CheckpointError(`${source.name}: the gzip file is cut off.`);
  if (source.size < 18) throw cutOff();
  const head = await source.read(0, Math.min(source.size, 1 << 16));
  const flags = head[3]!;
  if (head[2] !== 8 || flags & 0xe0) throw new CheckpointError(`${source.name}: a gzip file of unknown method ${head[2]} or flags ${flags}.`);
  let at = 10;
  if (flags & 4) at += 2 + ((head[at] ?? 0) | ((head[at + 1] ?? 0) << 8));
  for (const field of [8, 16]) {
    if (!(flags & field)) continue;
    const end = head.indexOf(0, at);
    if (end < 0) throw cutOff();
    at = end + 1;
  }
  if (flags & 2) at += 2;
  if (at + 8 > source.size) throw cutOff();
  const trailer = await source.read(source.size - 8, 8);
  const view = new DataView(trailer.buffer, trailer.byteOffset, 8);
  const [crc, size] = [view.getUint32(0, true), view.getUint32(4, true)];
  const most = Math.max(fromNothingBytes, mostRatio * source.size);
  let sum = 0;
  let bytes = 0;
  for await (const piece of inflating(windowOf(source, at, source.size - 8 - at), size)) {
    bytes += piece.length;
    if (bytes > most) throw new CheckpointError(`${source.name}: ${source.size} packed bytes hold more than ${most}. Weights do not compress like that; unpack the file yourself if you trust it.`);
    sum = crc32(piece, sum);
    yield piece;
  }
  // The size is noted modulo 2^32.
  if (sum !== crc || bytes % 2 ** 32 !== size) throw new CheckpointError(`${source.name}: the gzip checksum is wrong. The file is damaged, or several gzip files were joined.`);
}
