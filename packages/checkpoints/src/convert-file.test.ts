import { createHash } from "node:crypto";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { CheckpointError } from "@roentgen/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openZipMember, readZipDirectory } from "./containers/zip.ts";
import { convertFile, loadConverted } from "./convert-file.ts";
import { expectMicroResnet } from "./methods/micro-resnet.fixture.ts";
import { blobSource, memorySource } from "./random-access.ts";
import { openContainer } from "./containers/open.ts";
import { convertContainer, readAll } from "./methods/convert.ts";
import { parseSafetensors } from "./safetensors.ts";
import { formatSafetensors } from "./safetensors-write.ts";

const fixture = (path: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)));
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roentgen-file-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** SimCLR v2's folder as it is downloaded. */
async function simclrFolder(): Promise<string> {
  const source = memorySource(fixture("simclr-v2.zip"), "zip");
  const target = join(folder, "r50_1x_sk0");
  mkdirSync(target);
  for (const member of (await readZipDirectory(source)).values()) {
    const opened = await openZipMember(source, member);
    writeFileSync(join(target, member.name.replace(/^.*\//, "")), await opened.read(0, opened.size));
  }
  return target;
}

describe("convertFile", () => {
  it.each([["its folder", ""], ["its index", "/model.ckpt-250228.index"], ["its prefix, which is no file", "/model.ckpt-250228"]])("finds a TensorFlow checkpoint by %s", async (_, suffix) => {
    const { report, tensors } = await loadConverted((await simclrFolder()) + suffix);
    expect([report.method, report.container, report.packedIn]).toEqual(["simclr-v2", "tf-bundle", []]);
    expectMicroResnet(tensors);
  });

  it("writes the bytes that formatSafetensors makes of the same tensors, and says what it read", async () => {
    const path = join(folder, "byol.pkl");
    writeFileSync(path, gunzipSync(fixture("byol.pkl.gz")));
    const out = join(folder, "byol.safetensors");
    const { written, source, metadata } = await convertFile(path, out);
    const bytes = new Uint8Array(readFileSync(out));
    const read = parseSafetensors(bytes);
    expect(formatSafetensors(read.tensors, read.metadata)).toEqual(bytes);
    expect(read.metadata).toEqual(metadata);
    expect(metadata.get("roentgen.source_sha256")).toBe(createHash("sha256").update(readFileSync(path)).digest("hex"));
    expect(source).toEqual({ name: "byol.pkl", bytes: readFileSync(path).length, sha256: metadata.get("roentgen.source_sha256") });
    expect(written).toEqual({ path: out, bytes: bytes.length });
  });

  it("reads its own result to the same file, numerics and all", async () => {
    const [first, second] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
    const { numerics, report } = await convertFile(new URL("../fixtures/byol.pkl.gz", import.meta.url).pathname, first);
    const again = await convertFile(first, second);
    expect([again.numerics, again.report.method, again.report.licence]).toEqual([numerics, "byol", report.licence]);
    const [a, b] = [first, second].map((path) => parseSafetensors(new Uint8Array(readFileSync(path))).tensors);
    expect(b).toEqual(a);
  });

  it("knows of a file of its own no more than was known of the first", async () => {
    const [first, second] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
    const source = join(folder, "x.pth");
    writeFileSync(source, gunzipSync(fixture("torch/resnet18.pth.gz")));
    const { report } = await convertFile(source, first);
    const again = await convertFile(first, second);
    expect([report.sureness, again.report.sureness, again.report.method]).toEqual(["guess", "guess", report.method]);
  });

  it("does not write over the file that it reads, under whatever name", async () => {
    const source = join(folder, "x.pth");
    writeFileSync(source, gunzipSync(fixture("torch/resnet18.pth.gz")));
    const before = readFileSync(source);
    symlinkSync(source, join(folder, "y.safetensors"));
    for (const out of [source, join(folder, "y.safetensors")]) await expect(convertFile(source, out)).rejects.toThrow(/is the file that is to be converted.*Choose another --out/);
    expect(readFileSync(source).equals(before)).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(["x.pth", "y.safetensors"]);
  });

  it("leaves no file where a tensor cannot be read half-way", async () => {
    const target = await simclrFolder();
    const data = join(target, "model.ckpt-250228.data-00000-of-00001");
    const bytes = readFileSync(data);
    bytes[1000]! ^= 1;
    writeFileSync(data, bytes);
    const out = join(folder, "out");
    mkdirSync(out);
    await expect(convertFile(target, join(out, "x.safetensors"))).rejects.toThrow(CheckpointError);
    expect(readdirSync(out)).toEqual([]);
  });

  it.each([["nowhere.pth", "is not there"], ["", "expected one"]])("says what is wrong with the path %j", async (path, message) => {
    await expect(convertFile(join(folder, path), undefined)).rejects.toThrow(message);
  });
});

it("a Blob, as a file dropped on a page is, converts by the same code", async () => {
  const container = await openContainer(blobSource(new Blob([fixture("simclr-v1.zip") as Uint8Array<ArrayBuffer>]), "ResNet50_1x.zip"));
  expectMicroResnet(await readAll((await convertContainer(container, { fileName: "ResNet50_1x.zip" })).tensors));
});
