import { deflateRawSync } from "node:zlib";
import { Rng } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { crc32 } from "../crc.ts";
import { memorySource } from "../random-access.ts";
import { inflate, portableInflater } from "./inflate.ts";
import { UnpackAllowance } from "./pages.ts";

const rng = new Rng(1);
const noise = (length: number) => Uint8Array.from({ length }, () => rng.int(256));

/** Nothing, a few bytes, several buffers, and what packs by far more than a step holds. */
const contents: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array()],
  ["a few bytes", noise(5)],
  ["three megabytes of noise", noise(3 * 2 ** 20 + 1)],
  ["zeros", new Uint8Array(20 * 2 ** 20)],
];

async function portably(packed: Uint8Array): Promise<Uint8Array> {
  const inflater = portableInflater();
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < packed.length; i += 1 << 14) pieces.push(...(await inflater.push(packed.subarray(i, i + (1 << 14)), i + (1 << 14) >= packed.length)));
  expect(inflater.ended).toBe(true);
  return Buffer.concat(pieces);
}

describe("a deflate stream", () => {
  it.each(contents)("of %s is unpacked by Node and without it alike", async (_, bytes) => {
    const packed = deflateRawSync(bytes);
    const unpacked = await inflate(memorySource(packed, "x"), bytes.length, crc32(bytes), new UnpackAllowance());
    expect(Buffer.compare(await unpacked.read(0, bytes.length), bytes)).toBe(0);
    expect(Buffer.compare(await portably(packed), bytes)).toBe(0);
    if (bytes.length > 2 ** 20) expect([...(await unpacked.read(2 ** 20 - 3, 6))]).toEqual([...bytes.subarray(2 ** 20 - 3, 2 ** 20 + 3)]);
  });

  it.each([
    ["cut off", (packed: Uint8Array) => packed.subarray(0, -9), "cannot be unpacked"],
    ["overwritten", (packed: Uint8Array) => packed.map((b, i) => (i < 9 ? 0xff : b)), "cannot be unpacked"],
  ])("%s is refused", async (_, spoil, message) => {
    const bytes = noise(2 ** 17);
    const packed = spoil(deflateRawSync(bytes));
    await expect(inflate(memorySource(packed, "x"), bytes.length, crc32(bytes), new UnpackAllowance())).rejects.toThrow(message);
  });
});
