import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckpointError, Rng } from "@roentgen/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { download, type DownloadOptions } from "./download.ts";

const random = new Rng(1);
const body = Uint8Array.from({ length: 300_000 }, () => random.int(256));
const sha256 = createHash("sha256").update(body).digest("hex");

let folder = "";
let server: Server;
let root = "";
/** Requests as they came: path, and the range asked for. */
let asked: string[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "roentgen-download-"));
  asked = [];
  server = createServer((request, response) => {
    asked.push([request.url, request.headers.range].filter(Boolean).join(" "));
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

/** Serves the body as real servers do: ranges on request, if the validator still holds. */
function serve(request: IncomingMessage, response: ServerResponse, { etag = '"one"', upTo = body.length, data = body } = {}): void {
  const start = request.headers["if-range"] === etag ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
  if (start >= data.length) return void response.writeHead(416, { "content-range": `bytes */${data.length}` }).end();
  response.writeHead(start > 0 ? 206 : 200, { etag, "content-length": data.length - start, ...(start > 0 ? { "content-range": `bytes ${start}-${data.length - 1}/${data.length}` } : {}) });
  if (upTo >= data.length) return void response.end(data.subarray(start));
  response.write(data.subarray(start, upTo), () => setTimeout(() => response.destroy(), 20));
}

const quick = { maxBytes: 1e6, pauseMs: 1, silenceMs: 2000 } satisfies DownloadOptions;
const get = (options: Partial<DownloadOptions> = {}, path = "/weights") => download(root + path, join(folder, "weights.pth"), { ...quick, ...options });
const files = () => readdir(folder);

describe("download", () => {
  it("brings the whole file and says how far it is", async () => {
    answer = serve;
    const seen: number[] = [];
    const got = await get({ bytes: body.length, sha256, onProgress: ({ done, total }) => seen.push(done, total ?? -1) });
    expect(got).toEqual({ kind: "ready", path: join(folder, "weights.pth"), bytes: body.length, sha256, resumedAt: 0 });
    expect((await readFile(join(folder, "weights.pth"))).equals(body)).toBe(true);
    expect(seen.slice(-2)).toEqual([body.length, body.length]);
    expect(await files()).toEqual(["weights.pth"]);
  });

  it("goes on by itself where the connection is cut", async () => {
    answer = (request, response) => serve(request, response, { upTo: asked.length === 1 ? 100_000 : asked.length === 2 ? 200_000 : body.length });
    expect(await get({ sha256 })).toMatchObject({ kind: "ready", sha256 });
    expect(asked).toEqual(["/weights", "/weights bytes=100000-", "/weights bytes=200000-"]);
    expect(await files()).toEqual(["weights.pth"]);
  });

  it("goes on where an earlier call gave up, if the file is still the same there", async () => {
    answer = (request, response) => (asked.length === 1 ? serve(request, response, { upTo: 100_000 }) : response.writeHead(503).end());
    expect(await get()).toEqual({ kind: "unavailable", reason: "the server answers 503 Service Unavailable; 100000 bytes are kept, the same command goes on from there" });
    expect(await files()).toEqual(["weights.pth.part", "weights.pth.part.json"]);
    answer = serve;
    expect(await get({ sha256 })).toMatchObject({ kind: "ready", resumedAt: 100_000, sha256 });
  });

  it("begins again where the file has changed, or nothing tells whether it has", async () => {
    answer = (request, response) => serve(request, response, { upTo: 100_000 });
    await get({ tries: 1 });
    const other = body.slice().reverse();
    answer = (request, response) => serve(request, response, { etag: '"two"', data: other });
    await get({ tries: 1 });
    expect((await readFile(join(folder, "weights.pth"))).equals(other)).toBe(true);

    answer = (request, response) => serve(request, response, { etag: 'W/"weak"', upTo: 100_000 });
    await get({ tries: 1 });
    expect(await files()).toEqual(["weights.pth"]);
  });

  it("only names a part that was whole already", async () => {
    answer = (request, response) => serve(request, response, { upTo: 100_000 });
    await get({ tries: 1 });
    await writeFile(join(folder, "weights.pth.part"), body);
    answer = serve;
    expect(await get({ sha256 })).toMatchObject({ kind: "ready", resumedAt: body.length, sha256 });
  });

  it("follows redirects, a few", async () => {
    answer = (request, response) => (request.url === "/weights" ? response.writeHead(302, { location: "/there" }).end() : serve(request, response));
    expect(await get({ sha256 })).toMatchObject({ kind: "ready" });
    expect(asked).toEqual(["/weights", "/there"]);
    answer = (_, response) => response.writeHead(302, { location: "/weights" }).end();
    expect(await get()).toEqual({ kind: "unavailable", reason: expect.stringMatching(/^more than 5 redirects/) });
    answer = (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end();
    expect(await get()).toEqual({ kind: "unavailable", reason: expect.stringMatching(/which is not https/) });
  });

  it.each([
    ["a missing file", (response: ServerResponse) => response.writeHead(404).end("gone"), "the server answers 404 Not Found", 1],
    ["a web page", (response: ServerResponse) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"), "the server sent a web page in place of the file: a login, a quota or a sharing page", 1],
    ["a web page that does not say so", (response: ServerResponse) => response.writeHead(200, { "content-type": "application/octet-stream" }).end("\n<!DOCTYPE html><p>log in</p>"), "the server sent a web page in place of the file: a login, a quota or a sharing page", 1],
    ["a busy server", (response: ServerResponse) => response.writeHead(503).end(), "the server answers 503 Service Unavailable", 3],
    ["a silent server", (response: ServerResponse) => void response.writeHead(200).flushHeaders(), "no byte for 0 s", 3],
  ])("says why it has nothing for %s, and leaves nothing", async (_, reply, reason, requests) => {
    answer = (_request, response) => reply(response);
    expect(await get({ silenceMs: 100 })).toEqual({ kind: "unavailable", reason });
    expect([asked.length, await files()]).toEqual([requests, []]);
  });

  it("says why where there is no server", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect(await download(`http://127.0.0.1:${port}/x`, join(folder, "x"), quick)).toEqual({ kind: "unavailable", reason: expect.stringMatching(/^fetch failed: .*ECONNREFUSED/) });
  });

  it.each([
    ["another hash", { sha256: "0".repeat(64) }, /has SHA-256 [0-9a-f]{64}, expected 0{64}/],
    ["more bytes than allowed", { maxBytes: 200_000 }, /sends 300000 bytes, expected at most 200000/],
    ["another size", { bytes: 299_999 }, /sends 300000 bytes, expected exactly 299999/],
  ])("refuses a file with %s, and removes it", async (_, options, message) => {
    answer = serve;
    const failed = get(options);
    await expect(failed).rejects.toThrow(CheckpointError);
    await expect(failed).rejects.toThrow(message);
    expect(await files()).toEqual([]);
  });

  it("stops at the bound where the server does not tell the size", async () => {
    answer = (_, response) => void response.writeHead(200).end(body);
    await expect(get({ maxBytes: 200_000 })).rejects.toThrow("more than 200000 bytes came");
    expect(await files()).toEqual([]);
  });
});
