// A zip archive's table of contents, and its members as sources. Only the central directory is believed: writers that stream
// (PyTorch) leave sizes and checksums out of the local headers. Nothing is ever written to a path from an archive.
//
// Definition: PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.5.3 (zip64).
import { CheckpointError } from "@roentgen/core";
import { crc32 } from "../crc.ts";
import { quote } from "../json.ts";
import { checkRange, chunksOf, type RandomAccess, windowOf } from "../random-access.ts";
import { inflate } from "./inflate.ts";
import { UnpackAllowance } from "./pages.ts";

export interface ZipMember {
  readonly name: string;
  /** As in the archive; `bytes` is the unpacked size. */
  readonly packedBytes: number;
  readonly bytes: number;
  readonly deflated: boolean;
  readonly crc: number;
  /** Where the local header begins. */
  readonly offset: number;
}

const mostDirectoryBytes = 64 * 2 ** 20;
const fail = (source: RandomAccess, what: string): CheckpointError => new CheckpointError(`${source.name}: ${what} The zip archive is damaged or cut off.`);
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Members by name, in the order of the archive; folders are left out.
 * @throws CheckpointError for a damaged directory, a name that comes twice, encryption, and methods other than stored and deflated
 */
export async function readZipDirectory(source: RandomAccess): Promise<Map<string, ZipMember>> {
  const { start, bytes, count } = await findDirectory(source);
  if (bytes > mostDirectoryBytes) throw fail(source, `its directory claims ${bytes} bytes.`);
  const directory = await source.read(start, bytes);
  const view = viewOf(directory);
  const members = new Map<string, ZipMember>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes || view.getUint32(at, true) !== 0x02014b50) throw fail(source, `its directory has no entry ${i} of ${count}.`);
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [nameBytes, extraBytes, commentBytes] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true)];
    const extraAt = at + 46 + nameBytes;
    const next = extraAt + extraBytes + commentBytes;
    if (next > bytes) throw fail(source, `entry ${i} reaches beyond its directory.`);
    const name = new TextDecoder().decode(directory.subarray(at + 46, extraAt));
    const [packedBytes, unpacked, offset] = wideSizes(source, directory.subarray(extraAt, extraAt + extraBytes), [view.getUint32(at + 20, true), view.getUint32(at + 24, true), view.getUint32(at + 42, true)]);
    if (flags & 1) throw new CheckpointError(`${source.name}: ${quote(name)} is encrypted. Unpack the archive first.`);
    if (method !== 0 && method !== 8) throw new CheckpointError(`${source.name}: ${quote(name)} is packed by method ${method}; only stored (0) and deflated (8) are read. Unpack the archive first.`);
    if (method === 0 && packedBytes !== unpacked) throw fail(source, `${quote(name)} is stored with two sizes, ${packedBytes} and ${unpacked}.`);
    if (members.has(name)) throw new CheckpointError(`${source.name}: ${quote(name)} is in the archive twice.`);
    if (offset + 30 + packedBytes > start) throw fail(source, `${quote(name)} reaches into the directory.`);
    if (!name.endsWith("/")) members.set(name, { name, packedBytes, bytes: unpacked, deflated: method === 8, crc: view.getUint32(at + 16, true), offset });
    at = next;
  }
  if (at !== bytes) throw fail(source, `its directory has ${bytes - at} bytes too many.`);
  return members;
}

/** Looks for the end record in the last bytes, and for the wide (zip64) one that may precede it. */
async function findDirectory(source: RandomAccess): Promise<{ start: number; bytes: number; count: number }> {
  const tailBytes = Math.min(source.size, 22 + 0xffff + 20);
  const tail = await source.read(source.size - tailBytes, tailBytes);
  const view = viewOf(tail);
  let at = tailBytes - 22;
  while (at >= 0 && !(view.getUint32(at, true) === 0x06054b50 && at + 22 + view.getUint16(at + 20, true) === tailBytes)) at--;
  if (at < 0) throw fail(source, "it has no end record.");
  let [count, bytes, start] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
  if (at >= 20 && view.getUint32(at - 20, true) === 0x07064b50) {
    const wide = Number(view.getBigUint64(at - 12, true));
    checkRange(source.name, source.size, wide, 56);
    const record = viewOf(await source.read(wide, 56));
    if (record.getUint32(0, true) !== 0x06064b50) throw fail(source, "its zip64 end record is not where it should be.");
    [count, bytes, start] = [Number(record.getBigUint64(32, true)), Number(record.getBigUint64(40, true)), Number(record.getBigUint64(48, true))];
  }
  checkRange(source.name, source.size, start, bytes);
  if (count * 46 > bytes) throw fail(source, `its directory of ${bytes} bytes claims ${count} entries.`);
  return { start, bytes, count };
}

type Sizes = [packed: number, unpacked: number, offset: number];

/** Sizes of all ones stand for eight-byte numbers in the zip64 extra field: unpacked, packed, offset, those that are needed. */
function wideSizes(source: RandomAccess, extra: Uint8Array, [packed, unpacked, offset]: Sizes): Sizes {
  const none = 0xffffffff;
  if (packed !== none && unpacked !== none && offset !== none) return [packed, unpacked, offset];
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > extra.length) break;
    if (view.getUint16(at, true) === 1) {
      let field = at + 4;
      const wide = (narrow: number): number => {
        if (narrow !== none) return narrow;
        field += 8;
        if (field > end) throw fail(source, "a zip64 field is too short.");
        return Number(view.getBigUint64(field - 8, true));
      };
      const u = wide(unpacked);
      const p = wide(packed);
      return [p, u, wide(offset)];
    }
    at = end;
  }
  throw fail(source, "a size above 4 GiB has no zip64 field.");
}

/**
 * A member's contents. Stored members are read in place, and held to their checksum at the first read; deflated ones are
 * unpacked into memory.
 */
export async function openZipMember(source: RandomAccess, member: ZipMember, allowance = new UnpackAllowance()): Promise<RandomAccess> {
  const name = `${source.name}: ${member.name.slice(0, 120)}`;
  const local = viewOf(await source.read(member.offset, 30));
  if (local.getUint32(0, true) !== 0x04034b50) throw fail(source, `${quote(member.name)} has no local header.`);
  const start = member.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const packed = windowOf(source, start, member.packedBytes, name);
  if (member.deflated) return inflate(packed, member.bytes, member.crc, allowance);
  let checked = false;
  return {
    name,
    size: packed.size,
    read: async (offset, length, into) => {
      const bytes = await packed.read(offset, length, into);
      if (!checked) {
        let crc = 0;
        if (length === packed.size) crc = crc32(bytes);
        else for await (const chunk of chunksOf(packed)) crc = crc32(chunk, crc);
        if (crc !== member.crc) throw new CheckpointError(`${name}: the checksum is wrong. The file is damaged.`);
        checked = true;
      }
      return bytes;
    },
  };
}

/** All of a small member. Throws CheckpointError if it is missing or larger than `most` bytes. */
export async function readZipMember(source: RandomAccess, members: ReadonlyMap<string, ZipMember>, name: string, most: number, allowance?: UnpackAllowance): Promise<Uint8Array> {
  const member = members.get(name);
  if (!member) throw new CheckpointError(`${source.name}: ${quote(name)} is not in the archive.`);
  if (member.bytes > most) throw new CheckpointError(`${source.name}: ${quote(name)} has ${member.bytes} bytes, at most ${most} are expected.`);
  const opened = await openZipMember(source, member, allowance);
  return opened.read(0, opened.size);
}
