/** SHA-256 as lower-case hex, by WebCrypto: in Node, and in a tab on https or localhost. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * One hash for many files: SHA-256 of the lines `<hash>  <path>\n` in the order of the paths' code units, which is what
 * `sha256sum <files> | LC_ALL=C sort -k2 | sha256sum` prints for ASCII names.
 */
export async function hashFiles(hashes: ReadonlyMap<string, string>): Promise<string> {
  const lines = [...hashes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, hash]) => `${hash}  ${path}\n`);
  return sha256(new TextEncoder().encode(lines.join("")));
}
