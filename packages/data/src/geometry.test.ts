import { describe, expect, it } from "vitest";

import { centreBox, cropImage, cropMask, flipImage, flipMask, rotateImage, rotateMask, roundHalfEven, tenCrop } from "./geometry.ts";
import { fromBase64, patternImage, patternMask, pillow } from "./test-support.ts";

describe("rotation", () => {
  it.each(pillow.rotations)("of $size by $degrees degrees gives Pillow's bytes", ({ size: [w, h], degrees, image, mask }) => {
    expect(rotateImage(patternImage(w, h), degrees).data).toEqual(fromBase64(image));
    expect(rotateMask(patternMask(w, h), degrees).data).toEqual(fromBase64(mask));
  });
});

describe("crops", () => {
  it("take the pixels inside the box", () => {
    const mask = { width: 3, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(cropMask(mask, { left: 1, top: 0, width: 2, height: 2 }).data).toEqual(Uint8Array.of(2, 3, 5, 6));
  });

  it.each([
    { left: -1, top: 0, width: 2, height: 2 },
    { left: 3, top: 0, width: 2, height: 2 },
    { left: 0, top: 0, width: 0, height: 2 },
    { left: 0.5, top: 0, width: 2, height: 2 },
  ])("refuse a box outside the image: %o", (box) => {
    expect(() => cropImage(patternImage(4, 4), box)).toThrow(/does not lie inside 4x4/);
  });

  it("from the centre start where torchvision's do", () => {
    expect(centreBox(256, 256, 224)).toEqual({ left: 16, top: 16, width: 224, height: 224 });
    // An odd remainder is Python's round(): 0.5 to 0, 1.5 to 2, 2.5 to 2.
    expect([5, 7, 9].map((side) => centreBox(side, side, 4).left)).toEqual([0, 2, 2]);
    expect([0.5, 1.5, 2.5, 2.4].map(roundHalfEven)).toEqual([0, 2, 2, 2]);
  });

  it("make ten: four corners, the centre, then the same of the mirrored image", () => {
    // Pixel values are x + 10 y, so the first pixel of a crop says where it came from.
    const data = Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => (Math.floor(i / 3) % 4) + 10 * Math.floor(i / 12));
    const crops = tenCrop({ width: 4, height: 4, data }, 2);
    expect(crops.map((c) => c.data[0])).toEqual([0, 2, 20, 22, 11, 3, 1, 23, 21, 12]);
  });
});

describe("the mirror", () => {
  it("reverses rows and is its own inverse", () => {
    const mask = { width: 3, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(flipMask(mask).data).toEqual(Uint8Array.of(3, 2, 1, 6, 5, 4));
    expect(flipImage(flipImage(patternImage(5, 3)))).toEqual(patternImage(5, 3));
    expect(flipImage(patternImage(5, 3)).data.subarray(0, 3)).toEqual(patternImage(5, 3).data.subarray(12, 15));
  });
});
