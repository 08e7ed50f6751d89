import { CheckpointError } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { readTar } from "./tar.ts";
import { type Member, writeTar } from "./tar.fixture.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe("readTar", () => {
  it("gives plain files by their whole name, and steps over folders", () => {
    const files = readTar(writeTar([
      { path: "package", type: "5" },
      { path: "package/a.txt", data: text("hello") },
      { path: "package/empty" },
      { path: "package/full", data: new Uint8Array(512).fill(7) },
      { path: "b.bin", prefix: "package/deep", data: text("x") },
    ]));
    expect([...files].map(([path, bytes]) => [path, bytes.length])).toEqual([["package/a.txt", 5], ["package/empty", 0], ["package/full", 512], ["package/deep/b.bin", 1]]);
    expect(new TextDecoder().decode(files.get("package/a.txt"))).toBe("hello");
  });

  it("hands out a name that climbs as a name, for there is no path it could reach", () => {
    expect([...readTar(writeTar([{ path: "../../etc/passwd", data: text("x") }])).keys()]).toEqual(["../../etc/passwd"]);
  });

  const good: Member[] = [{ path: "a", data: text("hello") }];
  const damaged = (change: (bytes: Uint8Array) => void) => {
    const bytes = writeTar(good);
    change(bytes);
    return bytes;
  };
  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "ends without its end mark"],
    ["an archive cut in a header", writeTar(good).subarray(0, 300), "ends without its end mark"],
    ["an archive cut in a file", writeTar(good).subarray(0, 514), '"a" reaches beyond the end'],
    ["an archive cut after a file", writeTar(good).subarray(0, 1024), "ends without its end mark"],
    ["a flipped bit in a header", damaged((b) => (b[0]! ^= 2)), "no tar header at byte 0"],
    ["a web page", text("<html>".padEnd(2000)), "no tar header at byte 0"],
    ["a file larger than the archive", writeTar([{ path: "a", size: "77777777777" }]), '"a" reaches beyond the end'],
    ["a size that is no number", writeTar([{ path: "a", size: "-1" }]), '"a" reaches beyond the end'],
    ["a link", writeTar([{ path: "a", type: "2" }]), '"a" is a member of type "2"'],
    ["a name that comes twice", writeTar([...good, ...good]), '"a" is in the archive twice'],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readTar(bytes, { name: "x.tgz" })).toThrowError(message);
    expect(() => readTar(bytes, { name: "x.tgz" })).toThrowError(CheckpointError);
  });
});
