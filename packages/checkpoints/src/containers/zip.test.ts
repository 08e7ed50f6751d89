import { gzipSync } from "node:zlib";
import { CheckpointError } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { memorySource } from "../random-access.ts";
import { openContainer } from "./open.ts";
import { type ZipMemberSource, writeZip } from "./zip.fixture.ts";
import { openZipMember, readZipDirectory } from "./zip.ts";

const text = (value: string) => new TextEncoder().encode(value);
const source = (bytes: Uint8Array) => memorySource(bytes, "x.zip");

async function readAll(bytes: Uint8Array): Promise<Map<string, string>> {
  const members = await readZipDirectory(source(bytes));
  const read = new Map<string, string>();
  for (const member of members.values()) {
    const opened = await openZipMember(source(bytes), member);
    read.set(member.name, new TextDecoder().decode(await opened.read(0, opened.size)));
  }
  return read;
}

describe("a zip", () => {
  it("gives stored and deflated members by name, and no folders", async () => {
    const zip = writeZip([{ name: "a/", data: text("") }, { name: "a/b", data: text("hello") }, { name: "c", data: text("x".repeat(10_000)), deflate: true }, { name: "empty", data: text("") }]);
    expect([...(await readAll(zip))]).toEqual([["a/b", "hello"], ["c", "x".repeat(10_000)], ["empty", ""]]);
  });

  it("hands out a name that climbs as a name, for there is no path it could reach", async () => {
    expect([...(await readAll(writeZip([{ name: "../../etc/passwd", data: text("x") }])))]).toEqual([["../../etc/passwd", "x"]]);
  });

  const good: ZipMemberSource = { name: "a", data: text("hello") };
  const whole = writeZip([good]);
  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "no end record"],
    ["a cut end", whole.subarray(0, whole.length - 1), "no end record"],
    ["a cut start", whole.subarray(4), "is wanted|are wanted|no entry|reaches into"],
    ["a wrong checksum", writeZip([{ ...good, crc: 1 }]), "checksum is wrong"],
    ["a wrong checksum of a deflated member", writeZip([{ ...good, crc: 1, deflate: true }]), "checksum is wrong"],
    ["a name that comes twice", writeZip([good, good]), '"a" is in the archive twice'],
    ["a size of a gigabyte for a kilobyte", writeZip([{ name: "bomb", data: new Uint8Array(2 ** 20), deflate: true, bytes: 2 ** 30 }]), "do not compress like that"],
    ["more than it claims", writeZip([{ name: "a", data: new Uint8Array(2 ** 20), deflate: true, bytes: 1000 }]), "more than the 1000 bytes"],
    ["less than it claims", writeZip([{ name: "a", data: new Uint8Array(1000), deflate: true, bytes: 1001 }]), "unpacks to 1000 bytes"],
    ["a damaged deflate stream", writeZip([{ name: "a", data: new Uint8Array(1000).fill(255), method: 8, packedBytes: 1000 }]), "cannot be unpacked|unpacks to"],
    ["two sizes for a stored member", writeZip([{ ...good, bytes: 6 }]), "two sizes"],
    ["encryption", writeZip([{ ...good, flags: 1 }]), "encrypted"],
    ["an unknown method", writeZip([{ ...good, method: 14 }]), "method 14"],
    ["a member in the directory", writeZip([{ ...good, offset: 40 }]), "reaches into the directory"],
    ["an offset without its wide field", writeZip([{ ...good, offset: 0xffffffff }]), "has no zip64 field"],
  ])("with %s is refused", async (_, bytes, message) => {
    const outcome = readAll(bytes);
    await expect(outcome).rejects.toThrow(new RegExp(message));
    await expect(outcome).rejects.toBeInstanceOf(CheckpointError);
  });
});

describe("what is no weight file is called by its name", () => {
  it.each<[string, Uint8Array, string]>([
    ["a web page", text("<!DOCTYPE html><html>"), "this is a web page"],
    ["a web page after a blank line", text("\n  <html>"), "this is a web page"],
    ["a pointer", text("version https://git-lfs.github.com/spec/v1\noid sha256:"), "Git LFS pointer"],
    ["HDF5", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13, 10), "HDF5"],
    ["nothing", new Uint8Array(), "the file is empty"],
    ["words", text("hello, world"), 'begins with "hello, world"'],
    ["JSON of something else", text('{"a": 1}'), "without a weightsManifest"],
    ["TorchScript", writeZip([{ name: "m/data.pkl", data: text("N.") }, { name: "m/constants.pkl", data: text("N.") }]), "TorchScript"],
    ["a zip of photographs", writeZip([{ name: "1.jpg", data: text("x") }, { name: "2.jpg", data: text("x") }]), "a zip archive of 2 files"],
    ["an empty zip", writeZip([{ name: "readme.txt", data: text("x") }]), "begins|without a weight file|no end"],
    ["zips in zips without end", [1, 2, 3, 4, 5].reduce((inner, i) => writeZip([{ name: `${i}.bin`, data: inner }]), writeZip([{ name: "x", data: text("y") }])), "packed in zip in zip"],
    ["a cut safetensors file", Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0x7b, 0x22), "cut off"],
    ["a cut gzip file", new Uint8Array(gzipSync(text("hello world hello world"))).subarray(0, 30), "unpack|cut off|compress"],
    ["a gzip file with a wrong checksum", new Uint8Array(gzipSync(text("hello"))).map((byte, i, all) => (i === all.length - 5 ? byte ^ 1 : byte)), "unpack|checksum"],
  ])("%s", async (_, bytes, message) => {
    const outcome = openContainer(source(bytes));
    await expect(outcome).rejects.toThrow(new RegExp(message));
    await expect(outcome).rejects.toBeInstanceOf(CheckpointError);
  });
});
