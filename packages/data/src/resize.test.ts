import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { resizeBilinear, resizeMap, resizeNearest } from "./resize.ts";
import { fromBase64, patternImage, patternMask, pillow } from "./test-support.ts";

describe("resizing", () => {
  it.each(pillow.resizes)("$from to $to gives Pillow's bytes", ({ from: [w, h], to: [toW, toH], bilinear, nearest }) => {
    expect(resizeBilinear(patternImage(w, h), toW, toH).data).toEqual(fromBase64(bilinear));
    expect(resizeNearest(patternMask(w, h), toW, toH).data).toEqual(fromBase64(nearest).map((v) => v));
  });

  it("keeps a flat image flat at every size", () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(side, side, side, side, fc.integer({ min: 0, max: 255 }), (w, h, toW, toH, value) => {
        const out = resizeBilinear({ width: w, height: h, data: new Uint8Array(w * h * 3).fill(value) }, toW, toH);
        expect(out.data).toEqual(new Uint8Array(toW * toH * 3).fill(value));
      }),
    );
  });

  it("takes only values that the mask has", () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(side, side, side, side, (w, h, toW, toH) => {
        const out = resizeNearest({ width: w, height: h, data: new Uint8Array(w * h).fill(1) }, toW, toH);
        expect(out.data).toEqual(new Uint8Array(toW * toH).fill(1));
      }),
    );
  });

  it("of a map is an image's before it is rounded", () => {
    const image = patternImage(23, 17);
    const red = { width: 23, height: 17, data: Float64Array.from({ length: 23 * 17 }, (_, i) => image.data[3 * i] ?? NaN) };
    for (const [w, h] of [[40, 31], [9, 6], [23, 5], [50, 17]] as const) {
      const bytes = resizeBilinear(image, w, h).data;
      const { width, height, data } = resizeMap(red, w, h);
      expect([width, height, data.length]).toEqual([w, h, w * h]);
      // Bytes are rounded after each of the two passes.
      for (const [i, v] of data.entries()) expect(Math.abs(v - (bytes[3 * i] ?? NaN))).toBeLessThanOrEqual(1);
    }
    const odd = { width: 3, height: 1, data: Float64Array.of(0.1, 1 / 3, 1e-12) };
    expect(resizeMap(odd, 3, 1)).toEqual(odd);
  });

  it.each([[0, 4], [4, -1], [2.5, 4], [Number.NaN, 4]])("refuses %s x %s", (w, h) => {
    expect(() => resizeBilinear(patternImage(4, 4), w, h)).toThrow(/resizeBilinear: width and height are positive integers/);
    expect(() => resizeMap({ width: 1, height: 1, data: Float64Array.of(1) }, w, h)).toThrow(/resizeMap: width and height are positive integers/);
    expect(() => resizeNearest(patternMask(4, 4), w, h)).toThrow(/resizeNearest: width and height are positive integers/);
  });
});
