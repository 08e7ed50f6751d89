import { deflateRawSync } from "node:zlib";
import { crc32 } from "../crc.ts";

/** For tests: one member of a zip; the optional fields override what is true. */
export interface ZipMemberSource {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflate?: boolean;
  readonly crc?: number;
  readonly bytes?: number;
  readonly packedBytes?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly offset?: number;
}

/** For tests: a zip of these members. As PyTorch's, its local headers have neither sizes nor checksums. */
export function writeZip(members: readonly ZipMemberSource[]): Uint8Array {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, data, deflate = false, ...lies } of members) {
    const body = Buffer.from(deflate ? deflateRawSync(data) : data);
    const nameBytes = Buffer.from(name);
    const method = lies.method ?? (deflate ? 8 : 0);
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(method, 8);
    head.writeUInt16LE(nameBytes.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(lies.flags ?? 0, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(lies.crc ?? crc32(data), 16);
    entry.writeUInt32LE(lies.packedBytes ?? body.length, 20);
    entry.writeUInt32LE(lies.bytes ?? data.length, 24);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt32LE(lies.offset ?? at, 42);
    local.push(head, nameBytes, body);
    central.push(entry, nameBytes);
    at += head.length + nameBytes.length + body.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return new Uint8Array(Buffer.concat([...local, directory, end]));
}
