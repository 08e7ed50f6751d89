// The plain files of a tar archive, left where they are. Unlike `readTar` (npm's small archives, in memory) it steps over what
// other writers add: extended headers, folders, links.
import { CheckpointError } from "@roentgen/core";
import { quote } from "../json.ts";
import { type RandomAccess, windowOf } from "../random-access.ts";
import { ascii, octal, record } from "../tar.ts";

const mostMembers = 100_000;

/**
 * @returns members by name, without a leading `./`
 * @throws CheckpointError for a wrong checksum, a member that reaches beyond the archive, a name that comes twice
 */
export async function listTar(source: RandomAccess): Promise<Map<string, RandomAccess>> {
  const members = new Map<string, RandomAccess>();
  let headers = 0;
  for (let at = 0; at + record <= source.size; ) {
    const header = await source.read(at, record);
    if (header.every((byte) => byte === 0)) return members;
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (octal(header, 148, 8) !== sum) throw new CheckpointError(`${source.name}: no tar header at byte ${at}. The archive is damaged.`);
    if (++headers > mostMembers) throw new CheckpointError(`${source.name}: more than ${mostMembers} members. No checkpoint has that many.`);
    const prefix = ascii(header, 345, 155);
    const path = ((prefix === "" ? "" : `${prefix}/`) + ascii(header, 0, 100)).replace(/^\.\//, "");
    const size = octal(header, 124, 12);
    const start = at + record;
    if (!Number.isSafeInteger(size) || start + size > source.size) throw new CheckpointError(`${source.name}: ${quote(path)} reaches beyond the end of the archive. It is cut off.`);
    if (["", "0", "7"].includes(ascii(header, 156, 1))) {
      if (members.has(path)) throw new CheckpointError(`${source.name}: ${quote(path)} is in the archive twice.`);
      members.set(path, windowOf(source, start, size, `${source.name}: ${path}`));
    }
    at = start + Math.ceil(size / record) * record;
  }
  throw new CheckpointError(`${source.name}: the archive ends without its end mark. It is cut off.`);
}
