// A checksum that a safetensors file carries of itself, in its metadata: a changed weight is a weight like any other, and only this tells.
// It is of the whole file with zeros in its own place.

import { CheckpointError } from "@roentgen/core";
import { crc32 } from "./crc.ts";

/** CRC-32 in eight hexadecimal digits. */
export const sealKey = "roentgen.crc32";
/** In its place while it is computed. */
export const noSeal = "00000000";

/** Puts the checksum into a file that was written with `noSeal` in its place. */
export function seal(bytes: Uint8Array): void {
  bytes.set(new TextEncoder().encode(sealOf(bytes)), placeOf(bytes));
}

/** Throws CheckpointError where a file is not the one that was sealed. */
export function checkSeal(bytes: Uint8Array, expected: string, name: string): void {
  const found = sealOf(bytes);
  if (found !== expected) {
    throw new CheckpointError(`${name}: its checksum is ${found}, its metadata (${sealKey}) say ${expected}: it was damaged or changed since it was written. Take the file that was written; if the change was meant, remove ${sealKey} from its metadata.`);
  }
}

function sealOf(bytes: Uint8Array): string {
  const at = placeOf(bytes);
  const digits = new TextEncoder().encode(noSeal);
  const all = crc32(bytes.subarray(at + digits.length), crc32(digits, crc32(bytes.subarray(0, at))));
  return all.toString(16).padStart(noSeal.length, "0");
}

/** Of the first digit. A header that writes the key in another way was not written here; its end will do. */
function placeOf(bytes: Uint8Array): number {
  const header = bytes.subarray(0, 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)));
  // One character a byte.
  const key = `"${sealKey}":"`;
  const at = new TextDecoder("latin1").decode(header).indexOf(key);
  return at < 0 ? header.length : at + key.length;
}
