// The two checksums of archives: CRC-32 (zip, gzip) and CRC-32C (TensorFlow).
import ieee from "crc-32";
import castagnoli from "crc-32/crc32c.js";

/** As `crc32`, without the platform's help. */
export const portableCrc32 = (bytes: Uint8Array, previous = 0): number => ieee.buf(bytes, previous) >>> 0;

/** Node's is several times as fast, where this is Node and not too old. A tab has no `process`, and no import of a Node module may be in its way. */
const native: ((bytes: Uint8Array, previous: number) => number) | undefined = globalThis.process?.getBuiltinModule?.("node:zlib")?.crc32;

/** CRC-32 as zip and gzip use it; `previous` continues an earlier stretch. */
export const crc32 = (bytes: Uint8Array, previous = 0): number => (native ? native(bytes, previous) : portableCrc32(bytes, previous));

/** CRC-32C (Castagnoli), RFC 3720. */
export const crc32c = (bytes: Uint8Array, previous = 0): number => castagnoli.buf(bytes, previous) >>> 0;

/** As LevelDB and TensorFlow store it: a CRC of data that contain CRCs would be weak. */
export const maskCrc32c = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
