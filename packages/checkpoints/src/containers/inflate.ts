import { CheckpointError } from "@roentgen/core";
import { Inflate } from "fflate";
import { crc32 } from "../crc.ts";
import { chunksOf, type RandomAccess, windowOf } from "../random-access.ts";

/** Sixteen kilobytes expand to at most 16 MiB (deflate's best is 1032:1), so the bound below is met in small steps. */
const stepBytes = 1 << 14;
const alwaysAllowedBytes = 128 * 2 ** 20;
const mostRatio = 20;

/** How far packed bytes may expand. Weights hardly compress; zeros do, so small results are exempt. */
export const inflatedLimit = (packedBytes: number): number => Math.max(alwaysAllowedBytes, packedBytes * mostRatio);

/**
 * Inflates a raw deflate stream (RFC 1951) to exactly `bytes` bytes.
 * @throws CheckpointError if it is damaged, has another length, or expands so much that it must be a bomb
 */
export async function inflate(source: RandomAccess, bytes: number): Promise<Uint8Array> {
  if (bytes > inflatedLimit(source.size)) {
    throw new CheckpointError(`${source.name}: ${source.size} packed bytes claim to hold ${bytes}. Weights do not compress like that; unpack the file yourself if you trust it.`);
  }
  // Allocated as data arrive, not as claimed: a lie about the length then costs nothing.
  let out = new Uint8Array(Math.min(bytes, 2 * source.size + stepBytes));
  let at = 0;
  const stream = new Inflate((chunk) => {
    if (at + chunk.length > bytes) throw new CheckpointError(`${source.name}: unpacks to more than the ${bytes} bytes it claims. It is damaged.`);
    if (at + chunk.length > out.length) {
      const larger = new Uint8Array(Math.min(bytes, Math.max(2 * out.length, at + chunk.length)));
      larger.set(out.subarray(0, at));
      out = larger;
    }
    out.set(chunk, at);
    at += chunk.length;
  });
  try {
    let left = source.size;
    for await (const chunk of chunksOf(source)) {
      for (let i = 0; i < chunk.length; i += stepBytes) {
        const step = chunk.subarray(i, i + stepBytes);
        left -= step.length;
        stream.push(step, left === 0);
      }
    }
    if (source.size === 0) stream.push(new Uint8Array(), true);
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError(`${source.name}: cannot be unpacked (${error instanceof Error ? error.message : error}). It is damaged or cut off.`);
  }
  if (at !== bytes) throw new CheckpointError(`${source.name}: unpacks to ${at} bytes, claims ${bytes}. It is damaged or cut off.`);
  return out.subarray(0, at);
}

/**
 * The contents of a gzip file (RFC 1952) with one member.
 * @throws CheckpointError if it is damaged, its checksum is wrong, or it expands beyond `inflatedLimit`
 */
export async function gunzip(source: RandomAccess): Promise<Uint8Array> {
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
  const packed = windowOf(source, at, source.size - 8 - at);
  const bytes = await inflate(packed, view.getUint32(4, true));
  if (crc32(bytes) !== view.getUint32(0, true)) throw new CheckpointError(`${source.name}: the gzip checksum is wrong. The file is damaged, or several gzip files were joined.`);
  return bytes;
}
