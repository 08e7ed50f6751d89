// The wire format of protocol buffers, as far as TensorFlow's bundle entries go, and LevelDB's varints, which are the same.
// Definition: protobuf.dev/programming-guides/encoding.
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { CheckpointError } from "@roentgen/core";

/** The last value of a scalar field, all of a repeated one. */
export interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/** A varint at `at`, and where it ends. Throws CheckpointError if it is cut off or beyond 2^53: none of ours is that large. */
export function readVarint(bytes: Uint8Array, at: number, name: string): [value: number, end: number] {
  const reader = new BinaryReader(bytes);
  reader.pos = at;
  return [named(name, () => count(reader)), reader.pos];
}

/** The fields of a message, in file order. Throws CheckpointError for one that is cut off or malformed. */
export function readFields(bytes: Uint8Array, name: string): Field[] {
  const reader = new BinaryReader(bytes);
  const fields: Field[] = [];
  while (reader.pos < reader.len) fields.push(named(name, () => readField(reader)));
  return fields;
}

function readField(reader: BinaryReader): Field {
  const [number, wire] = reader.tag();
  switch (wire) {
    case WireType.Varint: return { number, value: count(reader) };
    case WireType.Bit32: return { number, value: reader.fixed32() };
    case WireType.LengthDelimited: return { number, value: reader.bytes() };
    default: return { number, value: reader.skip(wire, number) };
  }
}

function count(reader: BinaryReader): number {
  const value = Number(reader.uint64());
  if (!Number.isSafeInteger(value)) throw new RangeError("beyond 2^53");
  return value;
}

function named<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new CheckpointError(`${name}: a number or a field that is cut off or too large (${error instanceof Error ? error.message : error}). The file is damaged.`);
  }
}
