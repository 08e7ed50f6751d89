import { DataError } from "@roentgen/core";

/**
 * Where files come from: a folder, a web server, memory. Paths are relative, with forward slashes.
 * `maxBytes` is what the caller can accept; a source that can learn a file's size beforehand refuses to read more.
 */
export interface FileSource {
  readFile(path: string, maxBytes?: number): Promise<Uint8Array>;
}

/** A source over files that are already in memory. Throws DataError for a name it does not have. */
export function memorySource(files: ReadonlyMap<string, Uint8Array>): FileSource {
  return {
    async readFile(path) {
      const bytes = files.get(path);
      if (!bytes) throw new DataError(`${path}: no such file among the ${files.size} in memory.`);
      return bytes;
    },
  };
}

/** A source below a URL, for a browser tab. Stops reading at `maxBytes`. Throws DataError if the server does not answer 200. */
export function urlSource(base: string | URL): FileSource {
  const root = String(base).endsWith("/") ? String(base) : `${base}/`;
  return {
    async readFile(path, maxBytes = Number.POSITIVE_INFINITY) {
      const response = await fetch(root + path.split("/").map(encodeURIComponent).join("/"));
      if (!response.ok || !response.body) throw new DataError(`${path}: the server answered ${response.status} ${response.statusText}.`);
      const parts: Uint8Array[] = [];
      let length = 0;
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        length += part.value.length;
        if (length > maxBytes) {
          await reader.cancel();
          throw new DataError(`${path}: more than ${maxBytes} bytes came from the server. Is it the right file?`);
        }
        parts.push(part.value);
      }
      return concat(parts, length);
    },
  };
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
