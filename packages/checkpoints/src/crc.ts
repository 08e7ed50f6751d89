// The two checksums of archives: CRC-32 (zip, gzip) and CRC-32C (TensorFlow). Eight tables let the loop take eight bytes at a
// time ("slicing by 8", Kounavis and Berry 2005): half a gigabyte a second. Node's own CRC-32 is eight times as fast.

type Tables = readonly Uint32Array[];

function tablesOf(polynomial: number): Tables {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  const first = tables[0]!;
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    first[byte] = crc;
  }
  for (let i = 1; i < 8; i++) for (let byte = 0; byte < 256; byte++) tables[i]![byte] = (tables[i - 1]![byte]! >>> 8) ^ first[tables[i - 1]![byte]! & 0xff]!;
  return tables;
}

function update([t0, t1, t2, t3, t4, t5, t6, t7]: Tables, bytes: Uint8Array, previous: number): number {
  let crc = ~previous;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    crc = t7![low & 0xff]! ^ t6![(low >>> 8) & 0xff]! ^ t5![(low >>> 16) & 0xff]! ^ t4![low >>> 24]!
      ^ t3![bytes[i + 4]!]! ^ t2![bytes[i + 5]!]! ^ t1![bytes[i + 6]!]! ^ t0![bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0![(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

const ieee = tablesOf(0xedb88320);
const castagnoli = tablesOf(0x82f63b78);

/** As `crc32`, without the platform's help. */
export const portableCrc32 = (bytes: Uint8Array, previous = 0): number => update(ieee, bytes, previous);

/** Node's, where this is Node and not too old. A tab has no `process`, and no import of a Node module may be in its way. */
const native: ((bytes: Uint8Array, previous: number) => number) | undefined = globalThis.process?.getBuiltinModule?.("node:zlib")?.crc32;

/** CRC-32 as zip and gzip use it; `previous` continues an earlier stretch. */
export const crc32 = (bytes: Uint8Array, previous = 0): number => (native ? native(bytes, previous) : portableCrc32(bytes, previous));

/** CRC-32C (Castagnoli), RFC 3720. */
export const crc32c = (bytes: Uint8Array, previous = 0): number => update(castagnoli, bytes, previous);

/** As LevelDB and TensorFlow store it: a CRC of data that contain CRCs would be weak. */
export const maskCrc32c = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
