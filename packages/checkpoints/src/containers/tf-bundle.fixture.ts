import type { HostTensor } from "@roentgen/core";
import { crc32c, maskCrc32c } from "../crc.ts";

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
const word = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
const codes = new Map([["f32", 1], ["i64", 9], ["i32", 3]]);

/** For tests: Snappy by literals alone. */
const snappyLiterals = (bytes: readonly number[]): number[] => [
  ...varint(bytes.length),
  ...Array.from({ length: Math.ceil(bytes.length / 60) }, (_, i) => bytes.slice(i * 60, i * 60 + 60)).flatMap((piece) => [(piece.length - 1) << 2, ...piece]),
];

export interface BundleOptions {
  /** Entries in a data block. */
  readonly perBlock?: number;
  readonly snappy?: boolean;
  /** Changes an entry's protocol buffer before it is written and its checksum made. */
  readonly change?: (name: string, value: number[]) => number[];
}

/** For tests: a TensorFlow bundle by the format's description, with right checksums. */
export function writeBundle(tensors: ReadonlyMap<string, HostTensor>, { perBlock = 1000, snappy = false, change = (_, value) => value }: BundleOptions = {}): { index: Uint8Array; data: Uint8Array } {
  const data: Buffer[] = [];
  let offset = 0;
  const values = [...tensors].map(([name, { dtype, shape, data: array }]) => {
    const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
    const dims = shape.flatMap((n) => { const dim = [8, ...varint(n)]; return [0x12, ...varint(dim.length), ...dim]; });
    const value = [8, codes.get(dtype) ?? 0, 0x12, ...varint(dims.length), ...dims, ...(offset === 0 ? [] : [0x20, ...varint(offset)]), 0x28, ...varint(bytes.length), 0x35, ...word(maskCrc32c(crc32c(bytes)))];
    data.push(bytes);
    offset += bytes.length;
    return [name, value] as const;
  });
  const sorted = [["", [8, 1, 0x1a, 2, 8, 1]] as const, ...values.sort(([a], [b]) => (a < b ? -1 : 1))].map(([name, value]) => [name, change(name, [...value])] as const);

  const file: number[] = [];
  const writeBlock = (entries: readonly (readonly [string, readonly number[]])[], restartEvery: number): number[] => {
    const body: number[] = [];
    const restarts: number[] = entries.length === 0 ? [0] : [];
    let previous: number[] = [];
    entries.forEach(([name, value], i) => {
      const key = [...Buffer.from(name)];
      let shared = 0;
      if (i % restartEvery === 0) restarts.push(body.length);
      else while (shared < key.length && key[shared] === previous[shared]) shared++;
      body.push(...varint(shared), ...varint(key.length - shared), ...varint(value.length), ...key.slice(shared), ...value);
      previous = key;
    });
    for (const restart of restarts) body.push(...word(restart));
    body.push(...word(restarts.length));
    const stored = snappy ? snappyLiterals(body) : body;
    const start = file.length;
    const typed = [...stored, snappy ? 1 : 0];
    for (const byte of [...typed, ...word(maskCrc32c(crc32c(Uint8Array.from(typed))))]) file.push(byte);
    return [...varint(start), ...varint(stored.length)];
  };
  const handles: [string, number[]][] = [];
  for (let i = 0; i < sorted.length; i += perBlock) {
    const part = sorted.slice(i, i + perBlock);
    // After the last block LevelDB writes the shortest key that is greater.
    const last = part.at(-1)![0];
    handles.push([i + perBlock < sorted.length ? last : String.fromCharCode(last.charCodeAt(0) + 1), writeBlock(part, 16)]);
  }
  const meta = writeBlock([], 1);
  const index = writeBlock(handles, 1);
  const footer = [...meta, ...index];
  file.push(...footer, ...Array<number>(40 - footer.length).fill(0), 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
  return { index: Uint8Array.from(file), data: new Uint8Array(Buffer.concat(data)) };
}
