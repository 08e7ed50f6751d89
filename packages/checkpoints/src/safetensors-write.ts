import { CheckpointError, type DType, elementBytes, format, type HostTensor, type Shape, sizeOf } from "@roentgen/core";
import { quote } from "./json.ts";
import type { LazyTensor } from "./lazy-tensor.ts";
import { maxHeaderBytes, metadataKey, safetensorsDtypes } from "./safetensors.ts";
import { noSeal, seal, sealKey } from "./safetensors-seal.ts";

const nameOf = new Map(Object.entries(safetensorsDtypes).map(([name, dtype]) => [dtype, name]));
const rankOf = new Map<DType, number>([...nameOf.keys()].map((dtype, rank) => [dtype, rank]));

/** A tensor as the header needs it. */
interface Described {
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface SafetensorsLayout {
  /** Everything before the data. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** Names in the order of their data, which lie back to back. */
  readonly order: readonly string[];
  /** Bytes of the whole file. */
  readonly bytes: number;
}

/**
 * The header of a safetensors file, and the order of its data. Equal input gives equal bytes: tensors are laid out as the reference
 * implementation does (by dtype, widest first, then by name), metadata are sorted by key, and the header is padded with spaces so
 * that the data start at a multiple of 8.
 *
 * @throws CheckpointError for a tensor named `__metadata__`, for names or metadata with half a surrogate pair, and for a header over 100 MB
 */
export function safetensorsLayout(tensors: ReadonlyMap<string, Described>, metadata: ReadonlyMap<string, string> = new Map()): SafetensorsLayout {
  const sorted = [...tensors].sort(([a, x], [b, y]) => rank(x.dtype) - rank(y.dtype) || compareCodePoints(a, b));
  const fields: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => compareCodePoints(a, b)).map(([key, value]) => `${text(key)}:${text(value)}`);
    fields.push(`${text(metadataKey)}:{${pairs.join(",")}}`);
  }
  let offset = 0;
  for (const [name, { dtype, shape }] of sorted) {
    if (name === metadataKey) throw new CheckpointError(`safetensors: a tensor cannot be named ${metadataKey}; the format keeps that name for itself.`);
    const end = offset + sizeOf(shape) * elementBytes[dtype];
    fields.push(`${text(name)}:{"dtype":"${nameOf.get(dtype)}","shape":[${shape.join(",")}],"data_offsets":[${offset},${end}]}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > maxHeaderBytes) throw new CheckpointError(`safetensors: the header would be ${headerBytes} bytes, the format allows ${maxHeaderBytes}. Write fewer tensors to a file.`);
  const header = new Uint8Array(8 + headerBytes);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.fill(0x20, 8).set(json, 8);
  return { header, order: sorted.map(([name]) => name), bytes: header.length + offset };
}

/**
 * The bytes of a safetensors file, laid out by `safetensorsLayout`.
 * @throws CheckpointError as `safetensorsLayout`, and for data that do not fill their shape
 */
export function formatSafetensors(tensors: ReadonlyMap<string, HostTensor>, metadata: ReadonlyMap<string, string> = new Map()): Uint8Array<ArrayBuffer> {
  for (const [name, { dtype, shape, data }] of tensors) {
    if (data.length !== sizeOf(shape)) throw new CheckpointError(`safetensors: ${quote(name)} is ${format(dtype, shape)} but has ${data.length} elements.`);
  }
  const { header, order, bytes } = safetensorsLayout(tensors, metadata);
  const out = new Uint8Array(bytes);
  out.set(header);
  let at = header.length;
  for (const name of order) {
    const { data } = tensors.get(name)!;
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}

/** `formatSafetensors` with a checksum of the whole file among the metadata, which `parseSafetensors` compares. */
export function formatSealed(tensors: ReadonlyMap<string, HostTensor>, metadata: ReadonlyMap<string, string> = new Map()): Uint8Array<ArrayBuffer> {
  const bytes = formatSafetensors(tensors, new Map([...metadata, [sealKey, noSeal]]));
  seal(bytes);
  return bytes;
}

/** A tensor of more bytes gets memory of its own. */
const mostScratchBytes = 64 * 2 ** 20;

/**
 * The bytes of a safetensors file, one piece after another: the header, then tensor by tensor. Only one tensor is in memory at a
 * time: a piece is good until the next is asked for.
 * @throws CheckpointError as `safetensorsLayout`, and whatever reading a tensor throws
 */
export async function* streamSafetensors(tensors: ReadonlyMap<string, LazyTensor>, metadata: ReadonlyMap<string, string> = new Map()): AsyncGenerator<Uint8Array> {
  const { header, order } = safetensorsLayout(tensors, metadata);
  yield header;
  // One piece of memory for all: fresh memory for each costs as much time as reading into it.
  const scratch = new Uint8Array(Math.min(Math.max(...[...tensors.values()].map((tensor) => tensor.bytes), 0), mostScratchBytes));
  for (const name of order) {
    const { data } = await tensors.get(name)!.read(scratch);
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

const rank = (dtype: DType): number => rankOf.get(dtype) ?? rankOf.size;

function text(value: string): string {
  if (/\p{Surrogate}/u.test(value)) throw new CheckpointError(`safetensors: ${quote(value)} has half a surrogate pair and cannot be written as UTF-8.`);
  return JSON.stringify(value);
}

/** Order of UTF-8 bytes, which is that of code points; JavaScript's own order is that of UTF-16 units and differs above U+FFFF. */
function compareCodePoints(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  // Equal high surrogates may lie just before the difference; the low ones then decide alone, in the right order.
  const x = a.codePointAt(i) ?? -1;
  const y = b.codePointAt(i) ?? -1;
  return x - y;
}
