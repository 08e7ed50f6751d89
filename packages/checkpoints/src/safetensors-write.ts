import { CheckpointError, type DType, elementBytes, format, type HostTensor, sizeOf } from "@roentgen/core";
import { quote } from "./json.ts";
import { maxHeaderBytes, metadataKey, safetensorsDtypes } from "./safetensors.ts";

const nameOf = new Map(Object.entries(safetensorsDtypes).map(([name, dtype]) => [dtype, name]));
const rankOf = new Map<DType, number>([...nameOf.keys()].map((dtype, rank) => [dtype, rank]));

/**
 * The bytes of a safetensors file. Equal input gives equal bytes: tensors are laid out as the reference implementation does
 * (by dtype, widest first, then by name), metadata are sorted by key, and the header is padded with spaces so that the data
 * start at a multiple of 8.
 *
 * @throws CheckpointError for a tensor named `__metadata__`, for names or metadata with half a surrogate pair, for data that do
 *   not fill their shape, and for a header over 100 MB
 */
export function formatSafetensors(tensors: ReadonlyMap<string, HostTensor>, metadata: ReadonlyMap<string, string> = new Map()): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(([a, x], [b, y]) => rank(x.dtype) - rank(y.dtype) || compareCodePoints(a, b));
  const fields: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => compareCodePoints(a, b)).map(([key, value]) => `${text(key)}:${text(value)}`);
    fields.push(`${text(metadataKey)}:{${pairs.join(",")}}`);
  }
  let offset = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === metadataKey) throw new CheckpointError(`safetensors: a tensor cannot be named ${metadataKey}; the format keeps that name for itself.`);
    if (data.length !== sizeOf(shape)) {
      throw new CheckpointError(`safetensors: ${quote(name)} is ${format(dtype, shape)} but has ${data.length} elements.`);
    }
    const end = offset + data.length * elementBytes[dtype];
    fields.push(`${text(name)}:{"dtype":"${nameOf.get(dtype)}","shape":[${shape.join(",")}],"data_offsets":[${offset},${end}]}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > maxHeaderBytes) throw new CheckpointError(`safetensors: the header would be ${headerBytes} bytes, the format allows ${maxHeaderBytes}. Write fewer tensors to a file.`);

  const out = new Uint8Array(8 + headerBytes + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.fill(0x20, 8, 8 + headerBytes).set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of sorted) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
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
