// One file over HTTP. It grows under a temporary name (`.part`) beside which is noted which version of it the server was sending;
// whoever comes back after a cut connection or a killed process goes on from there. The file gets its own name when it is whole
// and its hash is right, and not before.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CheckpointError } from "@roentgen/core";

export interface DownloadOptions {
  /** More is refused, whatever the server says. */
  readonly maxBytes: number;
  /** Exact size, where it is known. */
  readonly bytes?: number | null;
  /** Of the whole file, where it is known. */
  readonly sha256?: string | null;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number | null }) => void;
  /** Tries in a row that may bring no byte. */
  readonly tries?: number;
  /** Before another try; doubled each time. */
  readonly pauseMs?: number;
  /** Longest silence of the server. */
  readonly silenceMs?: number;
}

export type Downloaded =
  | { readonly kind: "ready"; readonly path: string; readonly bytes: number; readonly sha256: string; /** Where this call went on; 0: from the start. */ readonly resumedAt: number }
  | { readonly kind: "unavailable"; readonly reason: string };

/** Nothing that another try would change. */
class Refused extends Error {}

/** What is known of a file that is not whole yet. */
interface Begun {
  readonly url: string;
  /** A strong ETag or a date of last change: proof that the rest belongs to the same file. */
  readonly validator: string;
}

const mostRedirects = 5;
const webPage = "the server sent a web page in place of the file: a login, a quota or a sharing page";

/**
 * Downloads `url` to `path`, going on with `path.part` where an earlier call left it.
 *
 * @returns where the file is, or why it cannot be had: no network, a status other than success, a web page in place of the file
 * @throws CheckpointError if what came is not the expected file: too large, of another size, or with another hash
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<Downloaded> {
  const { tries = 3, pauseMs = 1000, sha256 = null } = options;
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  const resumedAt = await sizeOfPart(part, url);
  for (let failures = 0, before = resumedAt; ; ) {
    try {
      await bring(url, part, options);
      break;
    } catch (error) {
      if (error instanceof CheckpointError) {
        await discard(part);
        throw error;
      }
      const now = await sizeOfPart(part, url);
      failures = now > before ? 1 : failures + 1;
      before = now;
      if (error instanceof Refused || failures >= tries) {
        if (now === 0) await discard(part);
        return { kind: "unavailable", reason: `${reasonOf(error)}${now > 0 ? `; ${now} bytes are kept, the same command goes on from there` : ""}` };
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (failures - 1)));
    }
  }
  const found = await sha256OfFile(part);
  if (sha256 !== null && found !== sha256) {
    await discard(part);
    throw new CheckpointError(`${url}: what came has SHA-256 ${found}, expected ${sha256}. It is not the released file; it was removed.`);
  }
  const { size } = await stat(part);
  await rename(part, path);
  await rm(noteOf(part), { force: true });
  return { kind: "ready", path, bytes: size, sha256: found, resumedAt };
}

const noteOf = (part: string): string => `${part}.json`;

async function discard(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(noteOf(part), { force: true });
}

async function begunOf(part: string): Promise<Begun | undefined> {
  try {
    const { url, validator } = JSON.parse(await readFile(noteOf(part), "utf8")) as Partial<Begun>;
    return typeof url === "string" && typeof validator === "string" ? { url, validator } : undefined;
  } catch {
    return undefined; // No note, or half of one: then the part is of no use and begins again.
  }
}

/** Bytes that can be built upon. */
async function sizeOfPart(part: string, url: string): Promise<number> {
  return (await begunOf(part))?.url === url ? stat(part).then((facts) => facts.size, () => 0) : 0;
}

/** One request: the whole file, or what is missing of it. */
async function bring(url: string, part: string, { maxBytes, bytes = null, onProgress = () => undefined, silenceMs = 60_000 }: DownloadOptions): Promise<void> {
  const begun = await begunOf(part);
  const have = await sizeOfPart(part, url);
  const silence = new Silence(silenceMs);
  try {
    const response = await ask(url, have > 0 && begun ? { range: `bytes=${have}-`, "if-range": begun.validator } : {}, silence.signal);
    const total = totalOf(response, have);
    // The part was whole already, and only its name was missing.
    if (response.status === 416 && total === have && have > 0) return void (await response.body?.cancel());
    if (response.status === 416) {
      await discard(part);
      throw new Error("the server does not have the bytes that are missing; the file has changed there");
    }
    if (!response.ok) throw refusalOf(response);
    if (/^text\/html\b/i.test(response.headers.get("content-type") ?? "")) throw new Refused(webPage);
    if ((response.headers.get("content-encoding") ?? "identity") !== "identity") throw new Refused("the server packs the file although it was asked not to");
    for (const [most, what] of [[maxBytes, "at most"], [bytes, "exactly"]] as const) {
      if (most !== null && total !== null && (what === "exactly" ? total !== most : total > most)) throw new CheckpointError(`${url}: the server sends ${total} bytes, expected ${what} ${most}.`);
    }
    const start = response.status === 206 ? have : 0;
    if (start === 0) await note(part, url, response.headers);
    const done = await pour(response, part, start, { most: bytes ?? maxBytes, url, heard: (at) => (silence.heard(), onProgress({ done: at, total })) });
    if (total !== null && done < total) throw new Error(`the connection ended after ${done} of ${total} bytes`);
    if (bytes !== null && done < bytes) throw new Error(`the connection ended after ${done} of ${bytes} bytes`);
  } finally {
    silence.end();
  }
}

/** GET along redirects. An address that began safe stays safe. */
async function ask(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
  let at = new URL(url);
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const response = await fetch(at, { headers: { "accept-encoding": "identity", ...headers }, redirect: "manual", signal });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, at);
    if (next.protocol !== "https:" && !(next.protocol === "http:" && at.protocol === "http:")) throw new Refused(`${at.host} redirects to ${next.protocol}//${next.host}, which is not https`);
    at = next;
  }
  throw new Refused(`more than ${mostRedirects} redirects, the last to ${at.host}`);
}

/** Bytes of the whole file, as the server says; null where it does not. */
function totalOf({ status, headers }: Response, have: number): number | null {
  const range = headers.get("content-range") ?? "";
  if (status === 206) {
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range) ?? [];
    if (Number(start) !== have || total === undefined) throw new Refused(`the server was asked for the bytes from ${have} and sends "${range.slice(0, 60)}"`);
    return Number(total);
  }
  const said = status === 416 ? /^bytes \*\/(\d+)$/.exec(range)?.[1] : headers.get("content-length");
  return said != null && /^\d+$/.test(said) ? Number(said) : null;
}

function refusalOf({ status, statusText }: Response): Error {
  const text = `the server answers ${status}${statusText === "" ? "" : ` ${statusText}`}`;
  return status === 429 || status >= 500 ? new Error(text) : new Refused(text);
}

async function note(part: string, url: string, headers: Headers): Promise<void> {
  const etag = headers.get("etag");
  const validator = etag !== null && !etag.startsWith("W/") ? etag : headers.get("last-modified");
  await discard(part);
  if (validator !== null) await writeFile(noteOf(part), JSON.stringify({ url, validator } satisfies Begun));
}

/** Writes a body at its place in the file, and returns where it ends. Two processes that do so write the same bytes to the same places. */
async function pour(response: Response, part: string, start: number, { most, url, heard }: { most: number; url: string; heard: (at: number) => void }): Promise<number> {
  const file: FileHandle = await open(part, start === 0 ? "w" : "r+");
  let at = start;
  try {
    if (response.body) {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        if (at + chunk.length > most) throw new CheckpointError(`${url}: more than ${most} bytes came. It is not the expected file.`);
        if (at === 0 && /^\s*<(!doctype|html|\?xml)/i.test(String.fromCharCode(...chunk.subarray(0, 64)))) throw new Refused(webPage);
        for (let written = 0; written < chunk.length; ) written += (await file.write(chunk, written, chunk.length - written, at + written)).bytesWritten;
        at += chunk.length;
        heard(at);
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return at;
}

/** Aborts a request whose server says nothing for too long. */
class Silence {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number) {
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`no byte for ${Math.round(milliseconds / 1000)} s`)), milliseconds);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** `fetch failed` hides what failed in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  if (!(cause instanceof Error)) return message;
  return `${message}: ${cause.message || (cause as NodeJS.ErrnoException).code || cause.name}`;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
