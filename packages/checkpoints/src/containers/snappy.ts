// Snappy's block format. Definition: google/snappy, format_description.txt. Decompression only.
import { CheckpointError } from "@roentgen/core";
import { readVarint } from "./protobuf.ts";

/** Copies expand three bytes to at most 64. */
const mostRatio = 64;

/** Throws CheckpointError if the block is damaged or its length is a lie. */
export function unsnappy(bytes: Uint8Array, name: string): Uint8Array {
  const [length, start] = readVarint(bytes, 0, name);
  const damaged = () => new CheckpointError(`${name}: a Snappy block that does not unpack to ${length} bytes. The file is damaged.`);
  if (length > bytes.length * mostRatio) throw damaged();
  const out = new Uint8Array(length);
  let to = 0;
  let at = start;
  const little = (count: number): number => {
    if (at + count > bytes.length) throw damaged();
    let value = 0;
    for (let i = 0; i < count; i++) value += bytes[at++]! * 2 ** (8 * i);
    return value;
  };
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    if ((tag & 3) === 0) {
      const short = tag >> 2;
      const count = 1 + (short < 60 ? short : little(short - 59));
      if (at + count > bytes.length || to + count > length) throw damaged();
      out.set(bytes.subarray(at, at + count), to);
      at += count;
      to += count;
      continue;
    }
    const count = (tag & 3) === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const offset = (tag & 3) === 1 ? (tag >> 5) * 256 + little(1) : little((tag & 3) === 2 ? 2 : 4);
    if (offset === 0 || offset > to || to + count > length) throw damaged();
    // A copy may overlap what it writes: that is how runs are packed.
    for (let i = 0; i < count; i++, to++) out[to] = out[to - offset]!;
  }
  if (to !== length) throw damaged();
  return out;
}
