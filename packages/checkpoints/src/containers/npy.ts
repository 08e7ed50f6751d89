// NumPy's array files. The header is a Python dict literal with exactly three keys, read by a small grammar of its own: it is
// never evaluated.
//
// Definition: numpy/lib/format.py.
import { CheckpointError } from "@roentgen/core";
import { quote } from "../json.ts";
import type { LazyTensor } from "../lazy-tensor.ts";
import { numpyType } from "../pickle/builders.ts";
import { type Dict, tensorOf, type Value } from "../pickle/values.ts";
import { type RandomAccess, windowOf } from "../random-access.ts";
import type { UnpackAllowance } from "./pages.ts";
import { openZipMember, type ZipMember } from "./zip.ts";

export const npyMagic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
const mostHeaderBytes = 1 << 16;

/** One `.npy` file. Throws CheckpointError for objects and for element types that the host has not. */
export async function readNpy(source: RandomAccess): Promise<LazyTensor> {
  const bad = (why: string) => new CheckpointError(`${source.name}: ${why} It is no whole .npy file.`);
  if (source.size < 12) throw bad(`${source.size} bytes.`);
  const head = await source.read(0, Math.min(source.size, 12 + mostHeaderBytes));
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (!npyMagic.every((byte, i) => head[i] === byte)) throw bad("it does not begin with \\x93NUMPY.");
  const major = head[6]!;
  if (major < 1 || major > 3) throw bad(`version ${major}; 1 to 3 are known.`);
  const headerBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = (major === 1 ? 10 : 12) + headerBytes;
  if (headerBytes > mostHeaderBytes || start > head.length) throw bad(`its header claims ${headerBytes} bytes.`);
  const { descr, fortran, shape } = parseHeader(new TextDecoder().decode(head.subarray(start - headerBytes, start)), source.name);
  const type = numpyType(descr);
  if (type.dtype === null) throw new CheckpointError(`${source.name}: element type ${quote(descr)}; only numbers and booleans are read.`);
  const elements = shape.reduce((product, n) => product * n, 1);
  if (!Number.isSafeInteger(elements * type.bytes) || start + elements * type.bytes !== source.size) {
    throw bad(`its array of ${descr}[${shape.slice(0, 8)}] takes ${elements * type.bytes} bytes, ${source.size - start} are there.`);
  }
  let stride = 1;
  const strides = fortran && elements > 0 ? shape.map((n) => (stride *= n) / n) : undefined;
  const data = windowOf(source, start, source.size - start);
  return tensorOf(source.name, type, { shape, elements, data: () => data, ...(strides ? { strides } : {}) }) as LazyTensor;
}

function parseHeader(text: string, name: string): { descr: string; fortran: boolean; shape: number[] } {
  const fields = new Map<string, string>();
  const body = /^\{(.*)\}\s*$/s.exec(text)?.[1] ?? "";
  const field = /\s*'(\w+)':\s*('[^']*'|True|False|\([\d\s,L]*\))\s*(?:,|$)/y;
  while (field.lastIndex < body.length) {
    const at = field.lastIndex;
    const [, key, value] = field.exec(body) ?? [];
    if (key === undefined || value === undefined) {
      if (body.slice(at).trim() === "") break;
      throw new CheckpointError(`${name}: a header with ${quote(body.slice(at, at + 40))}, which is not one of descr, fortran_order, shape. It is no plain .npy file.`);
    }
    if (fields.has(key)) throw new CheckpointError(`${name}: a header with ${quote(key)} twice. It is no whole .npy file.`);
    fields.set(key, value);
  }
  const [descr, fortran, shape] = [fields.get("descr"), fields.get("fortran_order"), fields.get("shape")];
  if (fields.size !== 3 || !descr?.startsWith("'") || (fortran !== "True" && fortran !== "False") || !shape?.startsWith("(")) {
    throw new CheckpointError(`${name}: its header must have descr, fortran_order and shape, has ${quote(text.trim())}. It is no plain .npy file.`);
  }
  const sizes = shape.slice(1, -1).split(",").map((n) => n.trim().replace(/L$/, "")).filter((n) => n !== "");
  if (sizes.length > 64) throw new CheckpointError(`${name}: ${sizes.length} axes. It is no whole .npy file.`);
  return { descr: descr.slice(1, -1), fortran: fortran === "True", shape: sizes.map(Number) };
}

/** A `.npz` archive: arrays by name. */
export async function readNpz(source: RandomAccess, members: ReadonlyMap<string, ZipMember>, allowance: UnpackAllowance): Promise<Dict> {
  const arrays: Dict = new Map<Value, Value>();
  for (const member of members.values()) arrays.set(member.name.slice(0, -".npy".length), await readNpy(await openZipMember(source, member, allowance)));
  return arrays;
}
