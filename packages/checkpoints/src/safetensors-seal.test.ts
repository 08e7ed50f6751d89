import { hostTensor } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { parseSafetensors } from "./safetensors.ts";
import { formatSafetensors, formatSealed } from "./safetensors-write.ts";

const tensors = new Map([["w", hostTensor("f32", [3], Float32Array.of(1, 2, 3))]]);
const metadata = new Map([["é", "ü"], ["title", "roentgen.crc32"]]);
const sealed = () => formatSealed(tensors, metadata);

describe("a sealed file", () => {
  it("is read as any other, from any place in memory, and is the same bytes each time", () => {
    const moved = new Uint8Array(sealed().length + 3).subarray(3);
    moved.set(sealed());
    const read = parseSafetensors(moved);
    expect([...read.tensors.get("w")!.data]).toEqual([1, 2, 3]);
    expect(Object.fromEntries(read.metadata)).toEqual({ "é": "ü", title: "roentgen.crc32", "roentgen.crc32": expect.stringMatching(/^[0-9a-f]{8}$/) });
    expect(sealed()).toEqual(sealed());
  });

  it("is refused with any bit of it changed that leaves a valid file", () => {
    const length = sealed().length;
    let valid = 0;
    for (let bit = 0; bit < 8 * length; bit++) {
      const bytes = sealed();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const plain = bytes.slice();
      try {
        parseSafetensors(plain, { name: "x" });
        // Only the key itself may go: without it there is nothing to compare.
        expect(parseSafetensors(plain).metadata.has("roentgen.crc32"), `bit ${bit}`).toBe(false);
      } catch (error) {
        if (/checksum is [0-9a-f]{8}, its metadata \(roentgen\.crc32\) say .{1,16}: it was damaged/.test((error as Error).message)) valid++;
      }
    }
    expect(valid).toBeGreaterThan(3 * 4 * 8);
  });

  it("is refused where its key is written in a way that we do not write", () => {
    const other = formatSafetensors(tensors, new Map([["roentgen.crc32", "not a checksum"]]));
    expect(() => parseSafetensors(other, { name: "x" })).toThrow("x: its checksum is ");
  });
});
