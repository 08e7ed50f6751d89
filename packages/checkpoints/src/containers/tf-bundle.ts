// TensorFlow's checkpoint format V2. `<prefix>.index` is a sorted string table in LevelDB's format: names and, as protocol
// buffers, where each variable lies in the `<prefix>.data-NNNNN-of-NNNNN` files beside it. Every block and every variable has a
// masked CRC-32C, and both are checked.
//
// Definition: LevelDB, doc/table_format.md; TensorFlow, core/protobuf/tensor_bundle.proto and util/tensor_bundle.
import { CheckpointError, type DType, elementBytes } from "@roentgen/core";
import { crc32c, maskCrc32c } from "../crc.ts";
import { quote } from "../json.ts";
import type { LazyTensor } from "../lazy-tensor.ts";
import { stridedTensor } from "../lazy-tensor.ts";
import { type Dict, Inert, type Value } from "../pickle/values.ts";
import { chunksOf, type RandomAccess, windowOf } from "../random-access.ts";
import { type Field, readFields, readVarint } from "./protobuf.ts";
import { unsnappy } from "./snappy.ts";

export const tableMagic = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const footerBytes = 48;
const mostIndexBytes = 64 * 2 ** 20;
const mostEntries = 200_000;

const dtypes = new Map<number, DType>([[1, "f32"], [2, "f64"], [3, "i32"], [4, "u8"], [5, "i16"], [6, "i8"], [9, "i64"], [10, "bool"], [14, "bf16"], [17, "u16"], [19, "f16"], [22, "u32"], [23, "u64"]]);

const damaged = (source: RandomAccess, what: string): CheckpointError => new CheckpointError(`${source.name}: ${what} The file is damaged.`);

/** Finds a file by name beside the index; undefined if it is not there. */
export type FindBeside = (name: string) => Promise<RandomAccess | undefined>;

/**
 * Variables by name, unread; text and other kinds are inert nodes.
 *
 * @param prefix      the index file's name without `.index`: data files begin with it
 * @throws CheckpointError for a damaged index, a missing data file, big-endian or partitioned bundles
 */
export async function readTfBundle(index: RandomAccess, prefix: string, findBeside: FindBeside): Promise<Dict> {
  const entries = await readTable(index);
  const header = entries.get("");
  if (!header) throw damaged(index, "the table has no header entry; it is no TensorFlow checkpoint.");
  const fields = readFields(header, index.name);
  const shards = scalar(fields, 1);
  if (scalar(fields, 2) !== 0) throw new CheckpointError(`${index.name}: a big-endian checkpoint, which is not supported.`);
  if (shards < 1 || shards > 99_999) throw damaged(index, `${shards} data files.`);
  const files = new Map<number, RandomAccess>();
  const variables: Dict = new Map<Value, Value>();
  for (const [name, value] of entries) {
    if (name === "") continue;
    if (name.startsWith("\0")) throw partitioned(index, name);
    const entry = readFields(value, index.name);
    const shard = scalar(entry, 3);
    let file = files.get(shard);
    if (!file) {
      if (shard >= shards) throw damaged(index, `${quote(name)} is in data file ${shard} of ${shards}.`);
      const five = (n: number) => String(n).padStart(5, "0");
      const fileName = `${prefix}.data-${five(shard)}-of-${five(shards)}`;
      file = await findBeside(fileName);
      if (!file) throw new CheckpointError(`${index.name}: ${fileName} is not beside it. Keep the checkpoint's files together, under their own names.`);
      files.set(shard, file);
    }
    variables.set(name, readVariable(index, file, name, entry));
  }
  return variables;
}

const partitioned = (index: RandomAccess, name: string): CheckpointError =>
  new CheckpointError(`${index.name}: ${quote(name)} is stored in slices, which is not supported. Save the checkpoint without a partitioner.`);

function readVariable(index: RandomAccess, file: RandomAccess, name: string, entry: readonly Field[]): LazyTensor | Inert {
  if (entry.some(({ number }) => number === 7)) throw partitioned(index, name);
  const dtype = dtypes.get(scalar(entry, 1));
  if (dtype === undefined) return new Inert(`TensorFlow type ${scalar(entry, 1)}`, []);
  const who = `${index.name}: ${quote(name)}`;
  const shape = message(entry, 2, index).filter(({ number }) => number === 2).map(({ value }) => (value instanceof Uint8Array ? scalar(readFields(value, who), 1) : 0));
  const [offset, bytes, crc] = [scalar(entry, 4), scalar(entry, 5), scalar(entry, 6)];
  const elements = shape.reduce((product, n) => product * n, 1);
  if (elements * elementBytes[dtype] !== bytes) throw damaged(index, `${quote(name)} has shape [${shape.slice(0, 8)}] and ${bytes} bytes.`);
  const window = windowOf(file, offset, bytes, `${file.name}: ${name}`);
  const data: RandomAccess = {
    ...window,
    read: async (from, count, into) => {
      const read = await window.read(from, count, into);
      let sum = 0;
      if (count === bytes) sum = crc32c(read);
      else for await (const chunk of chunksOf(window)) sum = crc32c(chunk, sum);
      if (maskCrc32c(sum) !== crc) throw new CheckpointError(`${file.name}: the checksum of ${quote(name)} is wrong. The file is damaged or from another checkpoint than its index.`);
      return read;
    },
  };
  return stridedTensor(who, { dtype, shape, elements, data: () => data });
}

const scalar = (fields: readonly Field[], number: number): number => {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === "number" ? value : 0;
};

const message = (fields: readonly Field[], number: number, index: RandomAccess): Field[] => {
  const value = fields.findLast((field) => field.number === number)?.value;
  return value instanceof Uint8Array ? readFields(value, index.name) : [];
};

/** All entries of a table: the footer names the index block, whose values name the data blocks. */
async function readTable(source: RandomAccess): Promise<Map<string, Uint8Array>> {
  if (source.size < footerBytes || source.size > mostIndexBytes) throw damaged(source, `an index of ${source.size} bytes.`);
  const footer = await source.read(source.size - footerBytes, footerBytes);
  if (!tableMagic.every((byte, i) => footer[footerBytes - 8 + i] === byte)) throw damaged(source, "the index does not end with its magic number.");
  const [, afterMeta] = readHandle(footer, 0, source);
  const [handle] = readHandle(footer, afterMeta, source);
  const entries = new Map<string, Uint8Array>();
  let total = 0;
  for (const value of (await readBlock(source, handle)).values()) {
    const [blockHandle] = readHandle(value, 0, source);
    total += blockHandle.size;
    if (total > source.size) throw damaged(source, "its blocks overlap.");
    for (const [key, entry] of await readBlock(source, blockHandle)) {
      if (entries.has(key)) throw damaged(source, `${quote(key)} is there twice.`);
      if (entries.size >= mostEntries) throw damaged(source, `more than ${mostEntries} entries.`);
      entries.set(key, entry);
    }
  }
  return entries;
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function readHandle(bytes: Uint8Array, at: number, source: RandomAccess): [Handle, end: number] {
  const [offset, middle] = readVarint(bytes, at, source.name);
  const [size, end] = readVarint(bytes, middle, source.name);
  return [{ offset, size }, end];
}

async function readBlock(source: RandomAccess, { offset, size }: Handle): Promise<Map<string, Uint8Array>> {
  const stored = await source.read(offset, size + 5);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (maskCrc32c(crc32c(stored.subarray(0, size + 1))) !== view.getUint32(size + 1, true)) throw new CheckpointError(`${source.name}: the checksum of the index's block at byte ${offset} is wrong. The file is damaged.`);
  const type = stored[size];
  if (type !== 0 && type !== 1) throw damaged(source, `a block of compression ${type}.`);
  return readEntries(type === 1 ? unsnappy(stored.subarray(0, size), source.name) : stored.subarray(0, size), source);
}

/** A key is what it shares with the one before it, and a suffix. */
function readEntries(block: Uint8Array, source: RandomAccess): Map<string, Uint8Array> {
  const restarts = block.length < 4 ? Number.NaN : new DataView(block.buffer, block.byteOffset, block.byteLength).getUint32(block.length - 4, true);
  const end = block.length - 4 - 4 * restarts;
  if (!(end >= 0)) throw damaged(source, "a block without restarts.");
  const entries = new Map<string, Uint8Array>();
  let previous: Uint8Array = new Uint8Array();
  let keyBytes = 0;
  for (let at = 0; at < end; ) {
    const [shared, a] = readVarint(block, at, source.name);
    const [own, b] = readVarint(block, a, source.name);
    const [valueBytes, start] = readVarint(block, b, source.name);
    if (shared > previous.length || start + own + valueBytes > end || shared + own > 4096) throw damaged(source, "an entry that reaches beyond its block.");
    keyBytes += shared + own;
    if (keyBytes > mostIndexBytes) throw damaged(source, "more names than any checkpoint has.");
    const key = new Uint8Array(shared + own);
    key.set(previous.subarray(0, shared));
    key.set(block.subarray(start, start + own), shared);
    const name = new TextDecoder().decode(key);
    if (entries.has(name)) throw damaged(source, `${quote(name)} is there twice.`);
    at = start + own + valueBytes;
    entries.set(name, block.subarray(at - valueBytes, at));
    previous = key;
  }
  return entries;
}
