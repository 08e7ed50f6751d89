import { conv2dLanesImages } from "@roentgen/kernels";
import { describe, expect, it } from "vitest";
import { Buffer } from "./buffer.ts";
import { imageRow, imageSize, layOutImages } from "./images.ts";

describe("the size of an image", () => {
  it.each([
    ["is rows of 256 texels for most", 16 * 1024 * 12, { width: 256, height: 48 }],
    ["has rows that divide what there is", 16 * 64 * 49, { width: 64, height: 49 }],
    ["is one row of few", 16 * 128, { width: 128, height: 1 }],
    ["has longer rows past 8192 of them", 16 * 1024 * 8192 * 3, { width: 4096, height: 6144 }],
    ["is not there where rows would be shorter than copies can be", 16 * 8 * 9, null],
    ["nor where an axis would be too long", 16 * 16 * 8193, null],
    ["nor where a row would fill the axis", 16 * 4097 * 8192, null],
    ["nor for half a texel", 24, null],
  ] as const)("%s", (_, bytes, want) => {
    expect(imageSize(bytes)).toEqual(want);
    expect(imageRow(bytes)).toEqual(want ? [want.width - 1, Math.log2(want.width)] : [0, 0]);
  });
});

describe("the textures of a plan", () => {
  const [a, b, c, y] = ["a", "b", "c", "y"].map((label) => new Buffer(label, 16 * 1024)) as [Buffer, Buffer, Buffer, Buffer];
  const small = new Buffer("small", 16 * 64);
  const bias = new Buffer("bias", 256);
  /** It reads two images and writes y. */
  const launch = (x: Buffer, w: Buffer, y: Buffer) => ({ kernel: conv2dLanesImages.forward, label: "conv2d", buffers: [x, w, bias, y] });
  const copied = (...launches: ReturnType<typeof launch>[]) => layOutImages(launches).operands.map((operands) => operands.map((o) => `${o.copied ? "copy" : "keep"} ${o.slot}`).join(", "));

  it.each([
    ["are two for operands of one kind, and what lies there is not copied again", [launch(a, b, y), launch(a, c, y), launch(b, c, y)], ["copy 0, copy 1", "keep 0, copy 1", "copy 0, keep 1"]],
    ["are one where both operands are the same", [launch(a, a, y)], ["copy 0, keep 0"]],
    ["are copied again once the buffer was written", [launch(a, b, y), launch(b, c, a), launch(a, b, y)], ["copy 0, copy 1", "keep 1, copy 0", "copy 0, keep 1"]],
    ["are apart for rows of another length", [launch(a, small, y), launch(b, small, y)], ["copy 0, copy 1", "copy 2, keep 1"]],
  ] as const)("%s", (_, launches, want) => {
    const [first, ...rest] = launches;
    expect(copied(first, ...rest)).toEqual(want);
  });

  it("are as high as the largest operand, and counted", () => {
    const large = new Buffer("large", 16 * 1024 * 5);
    const { slots, bytes } = layOutImages([launch(a, a, y), launch(large, a, y)]);
    expect(slots.map(({ width, height }) => [width, height])).toEqual([[256, 4], [256, 20]]);
    // A cache line beside each row.
    expect(bytes).toBe((16 * 256 + 64) * 24);
  });

  it("refuse what cannot be an image", () => {
    expect(() => layOutImages([launch(new Buffer("odd", 48), a, y)])).toThrow("internal: conv2d: x, 48 bytes, cannot be an image.");
  });
});
