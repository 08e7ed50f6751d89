/** For tests: one member of a tar archive; `size` overrides the octal digits of the true one. */
export interface Member {
  path: string;
  prefix?: string;
  type?: string;
  size?: string;
  data?: Uint8Array;
}

/** For tests: a ustar archive of these members, with right checksums. */
export function writeTar(members: readonly Member[]): Uint8Array {
  const records = members.flatMap(({ path, prefix = "", type = "0", data = new Uint8Array(), size = data.length.toString(8).padStart(11, "0") }) => {
    const header = new Uint8Array(512);
    const put = (offset: number, value: string) => header.set(new TextEncoder().encode(value), offset);
    put(0, path);
    put(100, "0000644\0");
    put(124, size);
    put(148, " ".repeat(8));
    put(156, type);
    put(257, "ustar\0" + "00");
    put(345, prefix);
    put(148, `${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `);
    const body = new Uint8Array(Math.ceil(data.length / 512) * 512);
    body.set(data);
    return [...header, ...body];
  });
  return Uint8Array.from([...records, ...new Uint8Array(1024)]);
}
