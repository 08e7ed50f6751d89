import { describe, expect, it } from "vitest";

import { decodeMask, decodeRgb, encodeMask } from "./png.ts";
import { chunk, fromBase64, greyPng, header, pillow, pixels, png, SIGNATURE } from "./test-support.ts";

const flat = (width: number, height: number) => new Uint8Array((width + 1) * height);
const good = png(header(4, 3), pixels(flat(4, 3)));
const changed = (bytes: Uint8Array, at: number, value: number) => bytes.map((byte, i) => (i === at ? value : byte));

describe("decodeRgb", () => {
  it.each(pillow.pngs)("reads $name as Pillow's convert(RGB) does", async ({ png: bytes, size: [width, height], rgb }) => {
    expect(await decodeRgb(fromBase64(bytes), "x.png")).toEqual({ width, height, data: fromBase64(rgb) });
  });

  it("reads a hand-made PNG whose pixels come in several chunks", async () => {
    const raw = Uint8Array.of(0, 9, 8, 0, 7, 6);
    const whole = pixels(raw).subarray(8, -4);
    const bytes = png(header(2, 2), chunk("IDAT", whole.slice(0, 3)), chunk("IDAT", new Uint8Array()), chunk("IDAT", whole.slice(3)));
    expect((await decodeRgb(bytes, "x.png")).data).toEqual(Uint8Array.of(9, 9, 9, 8, 8, 8, 7, 7, 7, 6, 6, 6));
  });

  it("ignores text and colour profiles, however wrong they are", async () => {
    const bytes = png(header(4, 3), chunk("iCCP", Uint8Array.of(1, 2, 3)), chunk("tEXt", new Uint8Array()), pixels(flat(4, 3)));
    expect((await decodeRgb(bytes, "x.png")).data).toEqual(new Uint8Array(36));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(), /first eight bytes/],
    ["a file of another kind", new TextEncoder().encode("GIF89a, not a PNG"), /first eight bytes/],
    ["a signature alone", SIGNATURE, /ends before its end chunk/],
    ["a chunk before the header", png(pixels(flat(4, 3)), header(4, 3)), /does not begin with a header/],
    ["two headers", png(header(4, 3), header(4, 3), pixels(flat(4, 3))), /second header/],
    ["a chunk longer than the file", changed(good, 33, 0x7f), /a chunk at byte 33 says/],
    ["a file cut short", good.subarray(0, good.length - 14), /x\.png: not a PNG that can be read/],
    ["no width", png(header(0, 3), pixels(flat(0, 3))), /is 0x3, sides from 1 to 4096/],
    ["four billion columns", png(header(0xffffffff, 1), pixels(flat(1, 1))), /is 4294967295x1, sides from 1 to 4096/],
    ["16 bits", png(header(4, 3, 16), pixels(flat(8, 3))), /16 bits of grey are not read/],
    ["an unknown colour type", png(header(4, 3, 8, 7), pixels(flat(4, 3))), /colour type 7 are not read/],
    ["interlacing", png(header(4, 3, 8, 0, 1), pixels(flat(4, 3))), /interlaced PNG is not read/],
    ["no pixels", png(header(4, 3)), /x\.png/],
    ["too few pixels", png(header(4, 3), pixels(flat(4, 2))), /take 15 bytes, the file holds 10/],
    ["a megabyte of zeros as 4x3 pixels", png(header(4, 3), pixels(new Uint8Array(1 << 20))), /take 15 bytes, the file holds more/],
    ["pixels that are not compressed", png(header(4, 3), chunk("IDAT", flat(4, 3))), /do not inflate/],
    ["a wrong checksum", changed(good, good.length - 14, (good[good.length - 14] ?? 0) ^ 1), /not a valid PNG|do not inflate/],
    ["an unknown row filter", png(header(4, 1), pixels(Uint8Array.of(9, 0, 0, 0, 0))), /not a valid PNG/],
    ["a palette image without a palette", png(header(4, 3, 8, 3), pixels(flat(4, 3))), /without a palette/],
    ["a pixel beyond the palette", png(header(1, 1, 8, 3), chunk("PLTE", Uint8Array.of(1, 2, 3)), pixels(Uint8Array.of(0, 5))), /palette entry 5, the palette has 1/],
    ["a palette of a thousand", png(header(1, 1, 8, 3), chunk("PLTE", new Uint8Array(3000)), pixels(Uint8Array.of(0, 5))), /palette has 3000 bytes/],
  ])("refuses %s with a DataError that names the file", async (_, bytes, message) => {
    const failure = await decodeRgb(bytes, "x.png").then(() => undefined, (error: unknown) => error);
    expect(failure).toMatchObject({ name: "DataError", message: expect.stringMatching(message) });
    expect(String(failure)).toContain("x.png");
  });

  it("keeps a caller's own limit", async () => {
    await expect(decodeRgb(greyPng(9, 0), "x.png", { maxSide: 8 })).rejects.toThrow("x.png: is 9x9, sides from 1 to 8 are read. Resize it first.");
  });

  it("stops inflating soon after the pixels should have ended", async () => {
    // 256 MB of zeros in 256 kB: takes about a second to inflate, so a decoder that did it to the end would show.
    const bomb = png(header(4, 3), pixels(new Uint8Array(2 ** 28)));
    const before = process.memoryUsage().arrayBuffers;
    await expect(decodeRgb(bomb, "bomb.png")).rejects.toThrow(/bomb\.png: 4x3 pixels take 15 bytes, the file holds more/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe("decodeMask", () => {
  it("turns 0 and 255 into 0 and 1", async () => {
    expect((await decodeMask(greyPng(2, 255, 0), "m.png")).data).toEqual(Uint8Array.of(0, 1, 1, 1));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["a grey in between", greyPng(2, 0, 128), /m\.png: a mask holds 0 and 255, pixel 0 is 128/],
    ["a coloured file", png(header(1, 1, 8, 2), pixels(new Uint8Array(4))), /m\.png: a mask is a grey PNG, this one is RGB/],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(decodeMask(bytes, "m.png")).rejects.toThrow(message);
  });
});

it("encodeMask writes what decodeMask reads", async () => {
  const mask = { width: 5, height: 3, data: Uint8Array.from({ length: 15 }, (_, i) => Number(i % 4 === 1)) };
  expect(await decodeMask(encodeMask(mask), "m.png")).toEqual(mask);
});
