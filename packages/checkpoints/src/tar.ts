// The part of POSIX tar (ustar) that npm packages use: plain files in 512-byte records. Nothing is ever written to a path from
// an archive; the caller gets bytes by name, so `../` in a name has nowhere to go.
import { CheckpointError } from "@roentgen/core";
import { quote } from "./json.ts";

export const record = 512;

/**
 * The plain files of a tar archive, by name.
 *
 * @returns views of `bytes`, in archive order
 * @throws CheckpointError for a wrong checksum, a file that reaches beyond the archive, a name that comes twice, an archive without its end mark, and
 *   members other than files and folders (links, devices, long names): npm packages have none
 */
export function readTar(bytes: Uint8Array, { name = "tar" } = {}): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let at = 0;
  for (;;) {
    if (at + record > bytes.length) throw new CheckpointError(`${name}: the archive ends without its end mark. It is cut off.`);
    const header = bytes.subarray(at, at + record);
    if (header.every((byte) => byte === 0)) return files;
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (octal(header, 148, 8) !== sum || ascii(header, 257, 5) !== "ustar") throw new CheckpointError(`${name}: no tar header at byte ${at}. The archive is damaged.`);
    const prefix = ascii(header, 345, 155);
    const path = (prefix === "" ? "" : `${prefix}/`) + ascii(header, 0, 100);
    const size = octal(header, 124, 12);
    const start = at + record;
    if (!Number.isSafeInteger(size) || start + size > bytes.length) throw new CheckpointError(`${name}: ${quote(path)} reaches beyond the end of the archive.`);
    const type = ascii(header, 156, 1);
    if (type === "" || type === "0") {
      if (files.has(path)) throw new CheckpointError(`${name}: ${quote(path)} is in the archive twice.`);
      files.set(path, bytes.subarray(start, start + size));
    } else if (type !== "5") {
      throw new CheckpointError(`${name}: ${quote(path)} is a member of type ${quote(type)}. Only plain files and folders are read.`);
    }
    at = start + Math.ceil(size / record) * record;
  }
}

/** A text field, up to its first NUL, one character a byte. */
export function ascii(header: Uint8Array, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)));
}

/** NaN if the field is not octal digits. */
export function octal(header: Uint8Array, offset: number, length: number): number {
  const digits = ascii(header, offset, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}
