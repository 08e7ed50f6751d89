// Snappy's block format, which an index of TensorFlow may be packed in. Definition: google/snappy, format_description.txt.
import { CheckpointError } from "@roentgen/core";
import { snappyUncompressor } from "hysnappy";
import { readVarint } from "./protobuf.ts";

/** Copies expand three bytes to at most 64. */
const mostRatio = 64;
/** An index is cut into blocks of 256 KiB; the block that lists those may be larger. */
const mostBytes = 16 * 2 ** 20;

let unpack: ReturnType<typeof snappyUncompressor> | null = null;

/** Throws CheckpointError if the block is damaged or its length is a lie. */
export function unsnappy(bytes: Uint8Array, name: string): Uint8Array {
  const [length] = readVarint(bytes, 0, name);
  const damaged = (why: string) => new CheckpointError(`${name}: a Snappy block that does not unpack to ${length} bytes (${why}). The file is damaged.`);
  if (length > Math.min(bytes.length * mostRatio, mostBytes)) throw damaged("no block is that large");
  try {
    return (unpack ??= snappyUncompressor())(bytes, length);
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error));
  }
}
