// safetensors, read without mercy. The layout: u64 length N, N bytes of JSON, then the data, all little-endian (as is every
// host that has WebGPU, so views need no byte swap).
//
//   {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ...}
//
// Definition: the format's README and `Metadata::validate` of the reference implementation. Stricter than that: a repeated key,
// a field nobody defined and space before the first brace are errors too, because readers disagree about what they mean.
import { CheckpointError, type DType, elementBytes, format, type HostTensor, hostTensor, makeArray, type Shape, type StateDict } from "@roentgen/core";
import { type JsonObject, type JsonValue, parseJson, quote } from "./json.ts";
import { checkSeal, sealKey } from "./safetensors-seal.ts";

/** Longest header the format allows, in bytes. */
export const maxHeaderBytes = 100_000_000;
export const metadataKey = "__metadata__";

/** The format's names, in the order in which the reference writer lays tensors out: widest elements first, so all stay aligned. */
export const safetensorsDtypes: Readonly<Record<string, DType>> = {
  U64: "u64", I64: "i64", F64: "f64", F32: "f32", U32: "u32", I32: "i32", BF16: "bf16", F16: "f16", U16: "u16", I16: "i16", I8: "i8", U8: "u8", BOOL: "bool",
};
const dtypeOf = new Map(Object.entries(safetensorsDtypes));

/** Where a tensor lies in a file; nothing of it has been read. `begin` and `end` count bytes from the start of the file. */
export interface TensorEntry {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order in which the data lie in the file. */
  readonly tensors: Map<string, TensorEntry>;
  readonly metadata: Map<string, string>;
}

/**
 * Reads and checks the header alone.
 *
 * @param bytes      the file, or its beginning up to the end of the header
 * @param fileBytes  length of the whole file
 * @param name       who speaks in errors: the file's name
 * @throws CheckpointError unless the tensors' ranges tile the data exactly and each fits its dtype and shape
 */
export function readSafetensorsHeader(bytes: Uint8Array, { fileBytes = bytes.length, name = "safetensors" } = {}): SafetensorsHeader {
  if (bytes.length < 8) throw new CheckpointError(`${name}: a safetensors file has at least 8 bytes, this has ${bytes.length}. It is empty or cut off.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(maxHeaderBytes)) {
    throw new CheckpointError(`${name}: the header claims ${headerBytes} bytes, the format allows ${maxHeaderBytes}. This is no safetensors file.`);
  }
  const dataStart = 8 + Number(headerBytes);
  if (dataStart > Math.min(bytes.length, fileBytes)) {
    throw new CheckpointError(`${name}: the header claims ${headerBytes} bytes, ${Math.min(bytes.length, fileBytes) - 8} are there. The file is cut off or no safetensors file.`);
  }
  if (bytes[8] !== 0x7b) throw new CheckpointError(`${name}: the header must begin with "{". This is no safetensors file.`);
  const root = parseJson(decodeUtf8(bytes.subarray(8, dataStart), name), { name: `${name} header`, numbers: "counts" });
  const object = expectObject(root, `${name}: the header`);

  const metadata = new Map<string, string>();
  const entries: [string, TensorEntry][] = [];
  for (const [key, value] of object) {
    if (key === metadataKey) {
      for (const [k, v] of expectObject(value, `${name}: ${metadataKey}`)) {
        if (typeof v !== "string") throw new CheckpointError(`${name}: ${metadataKey} ${quote(k)} must be text, is ${JSON.stringify(v)?.slice(0, 40)}.`);
        metadata.set(k, v);
      }
    } else {
      entries.push([key, readEntry(value, dataStart, `${name}: ${quote(key)}`)]);
    }
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let expected = dataStart;
  for (const [key, { begin, end }] of entries) {
    if (begin !== expected) {
      const what = begin < expected ? "overlaps the tensor before it" : "leaves a hole before it";
      throw new CheckpointError(`${name}: ${quote(key)} ${what}: its data begin at ${begin - dataStart}, expected ${expected - dataStart}.`);
    }
    expected = end;
  }
  if (expected !== fileBytes) {
    throw new CheckpointError(`${name}: the tensors take ${expected - dataStart} bytes, the file has ${fileBytes - dataStart} after its header. It is ${expected > fileBytes ? "cut off" : "followed by something else"}.`);
  }
  return { tensors: new Map(entries), metadata };
}

/**
 * Reads a safetensors file.
 *
 * @param bytes  the whole file. Tensors are views of it where they are aligned, copies where not: do not write to it.
 * @param name   who speaks in errors: the file's name
 * @returns tensors in file order; f16 and bf16 as raw 16-bit words
 * @throws CheckpointError as `readSafetensorsHeader`, for element types that a HostTensor does not have (8-bit floats, complex), and where
 *         the file carries a checksum (`formatSealed`) that is not its own
 */
export function parseSafetensors(bytes: Uint8Array, { name = "safetensors" } = {}): { tensors: StateDict; metadata: Map<string, string> } {
  const header = readSafetensorsHeader(bytes, { name });
  const expected = header.metadata.get(sealKey);
  if (expected !== undefined) checkSeal(bytes, expected, name);
  const tensors: StateDict = new Map();
  for (const [key, entry] of header.tensors) tensors.set(key, viewTensor(bytes, entry));
  return { tensors, metadata: header.metadata };
}

function viewTensor(bytes: Uint8Array, { dtype, shape, begin, end }: TensorEntry): HostTensor {
  const size = elementBytes[dtype];
  const { buffer } = bytes;
  const offset = bytes.byteOffset + begin;
  const length = (end - begin) / size;
  if (buffer instanceof ArrayBuffer && offset % size === 0) return hostTensor(dtype, shape, makeArray(dtype, length, buffer, offset));
  const copy = new Uint8Array(end - begin);
  copy.set(bytes.subarray(begin, end));
  return hostTensor(dtype, shape, makeArray(dtype, length, copy.buffer, 0));
}

function readEntry(value: JsonValue, dataStart: number, who: string): TensorEntry {
  const fields = expectObject(value, who);
  for (const key of fields.keys()) {
    if (key !== "dtype" && key !== "shape" && key !== "data_offsets") throw new CheckpointError(`${who} has a field ${quote(key)} that the format does not know.`);
  }
  const dtypeName = fields.get("dtype");
  const dtype = typeof dtypeName === "string" ? dtypeOf.get(dtypeName) : undefined;
  if (dtype === undefined) {
    throw new CheckpointError(`${who} has dtype ${JSON.stringify(dtypeName)?.slice(0, 40)}, expected one of ${[...dtypeOf.keys()].join(" ")}. Convert it to one of these first.`);
  }
  const shape = expectCounts(fields.get("shape"), `${who}: shape`);
  const offsets = expectCounts(fields.get("data_offsets"), `${who}: data_offsets`);
  const [begin, end] = offsets;
  if (offsets.length !== 2 || begin === undefined || end === undefined || begin > end) {
    throw new CheckpointError(`${who}: data_offsets must be [begin, end], got [${offsets.slice(0, 4).join(",")}].`);
  }
  let bytes = elementBytes[dtype];
  for (const n of shape) {
    bytes *= n;
    if (!Number.isSafeInteger(bytes)) throw new CheckpointError(`${who} is larger than any file: its shape has ${shape.length} axes and more than 2^53 bytes.`);
  }
  if (end - begin !== bytes) {
    throw new CheckpointError(`${who} is ${format(dtype, shape.slice(0, 8))}, ${bytes} bytes; its data_offsets [${begin},${end}] hold ${end - begin}.`);
  }
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

function expectObject(value: JsonValue, who: string): JsonObject {
  if (value instanceof Map) return value;
  throw new CheckpointError(`${who} must be a JSON object, is ${Array.isArray(value) ? "an array" : String(value).slice(0, 40)}.`);
}

function expectCounts(value: JsonValue | undefined, who: string): number[] {
  if (Array.isArray(value) && value.every((n): n is number => typeof n === "number")) return value;
  throw new CheckpointError(`${who} must be an array of whole numbers.`);
}

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CheckpointError(`${name}: the header is not UTF-8. This is no safetensors file.`);
  }
}
