// The wire format of protocol buffers, as far as TensorFlow's bundle entries go: varints, 32 and 64 bit words, length-delimited fields.
// Definition: protobuf.dev/programming-guides/encoding.
import { CheckpointError } from "@roentgen/core";

/** The last value of a scalar field, all of a repeated one. Numbers beyond 2^53 are errors: none of ours is that large. */
export interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/** A varint at `at`, and where it ends. Throws CheckpointError if it is cut off or beyond 2^53. */
export function readVarint(bytes: Uint8Array, at: number, name: string): [value: number, end: number] {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) break;
      return [value, at];
    }
  }
  throw new CheckpointError(`${name}: a number that is cut off or too large. The file is damaged.`);
}

/** The fields of a message, in file order. */
export function readFields(bytes: Uint8Array, name: string): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = readVarint(bytes, at, name);
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) {
      const [value, end] = readVarint(bytes, start, name);
      fields.push({ number, value });
      at = end;
      continue;
    }
    const [length, begin] = wire === 2 ? readVarint(bytes, start, name) : wire === 5 ? [4, start] : wire === 1 ? [8, start] : [Infinity, start];
    if (begin + length > bytes.length) throw new CheckpointError(`${name}: a field that reaches beyond its message. The file is damaged.`);
    const data = bytes.subarray(begin, begin + length);
    fields.push({ number, value: wire === 5 ? new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true) : data });
    at = begin + length;
  }
  return fields;
}
