// The plain files of a tar archive. Unlike `readTar` (npm's small archives, in memory) it steps over what other writers add:
// extended headers, folders, links.
import { CheckpointError } from "@roentgen/core";
import { quote } from "../json.ts";
import { type RandomAccess, windowOf } from "../random-access.ts";
import { ascii, octal, record } from "../tar.ts";
import { Pages, type PieceReader } from "./pages.ts";

const mostMembers = 100_000;

export const isTar = (head: Uint8Array): boolean => ascii(head, 257, 5) === "ustar";

interface Header {
  /** Without a leading `./`. */
  readonly path: string;
  readonly bytes: number;
  readonly plain: boolean;
}

/** Reads headers one after another, and throws CheckpointError for a wrong checksum, a name that comes twice, and too many. */
class Headers {
  readonly #who: string;
  readonly names = new Set<string>();
  #count = 0;

  constructor(who: string) {
    this.#who = who;
  }

  /** Null for the end mark. */
  read(header: Uint8Array, at: number): Header | null {
    if (header.every((byte) => byte === 0)) return null;
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    const bytes = octal(header, 124, 12);
    if (octal(header, 148, 8) !== sum || !Number.isSafeInteger(bytes)) throw new CheckpointError(`${this.#who}: no tar header at byte ${at}. The archive is damaged.`);
    if (++this.#count > mostMembers) throw new CheckpointError(`${this.#who}: more than ${mostMembers} members. No checkpoint has that many.`);
    const prefix = ascii(header, 345, 155);
    const path = ((prefix === "" ? "" : `${prefix}/`) + ascii(header, 0, 100)).replace(/^\.\//, "");
    const plain = ["", "0", "7"].includes(ascii(header, 156, 1));
    if (plain && this.names.has(path)) throw new CheckpointError(`${this.#who}: ${quote(path)} is in the archive twice.`);
    if (plain) this.names.add(path);
    return { path, bytes, plain };
  }
}

const cutOff = (who: string): CheckpointError => new CheckpointError(`${who}: the archive ends without its end mark. It is cut off.`);
const padded = (bytes: number): number => Math.ceil(bytes / record) * record;

/**
 * Members by name, left where they are.
 * @throws CheckpointError for a wrong checksum, a member that reaches beyond the archive, a name that comes twice
 */
export async function listTar(source: RandomAccess): Promise<Map<string, RandomAccess>> {
  const members = new Map<string, RandomAccess>();
  const headers = new Headers(source.name);
  for (let at = 0; at + record <= source.size; ) {
    const header = headers.read(await source.read(at, record), at);
    if (!header) return members;
    const { path, bytes, plain } = header;
    const start = at + record;
    if (start + bytes > source.size) throw new CheckpointError(`${source.name}: ${quote(path)} reaches beyond the end of the archive. It is cut off.`);
    if (plain) members.set(path, windowOf(source, start, bytes, `${source.name}: ${path}`));
    at = start + padded(bytes);
  }
  throw cutOff(source.name);
}

/**
 * Members of an archive that comes a piece at a time, in memory. Others than the wanted pass by, so that an archive of gigabytes
 * costs the memory of one of its files.
 *
 * @param take    told of each member before it is kept; throws where that is too much
 * @param wanted  ends with the first that is; without it all are kept
 * @throws CheckpointError as `listTar`, for more than may be kept, and where none is wanted
 */
export async function takeFromTar(pieces: PieceReader, who: string, take: (bytes: number) => void, wanted?: (path: string) => boolean): Promise<Map<string, RandomAccess>> {
  const members = new Map<string, RandomAccess>();
  const headers = new Headers(who);
  for (let at = 0; ; ) {
    const block = new Pages();
    if (!(await pieces.pass(record, block))) throw cutOff(who);
    const header = headers.read(await block.source(who).read(0, record), at);
    if (!header) break;
    const { path, bytes, plain } = header;
    const kept = plain && (wanted?.(path) ?? true);
    if (kept) take(bytes);
    const pages = new Pages();
    if (!(await pieces.pass(bytes, kept ? pages : undefined))) throw cutOff(who);
    if (kept) members.set(path, pages.source(`${who}: ${path}`));
    if (kept && wanted) return members;
    if (!(await pieces.pass(padded(bytes) - bytes))) throw cutOff(who);
    at += record + padded(bytes);
  }
  // To the end, for the checksum over all.
  await pieces.pass(Infinity);
  if (wanted) throw new CheckpointError(`${who}: a tar archive without that member. It has ${[...headers.names].slice(0, 30).map(quote).join(", ")}${headers.names.size > 30 ? ", ..." : ""}.`);
  return members;
}
