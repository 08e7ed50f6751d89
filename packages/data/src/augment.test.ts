import { Rng } from "@roentgen/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { brightnessContrast, classificationAugment, gamma, randomBox, randomFlip, randomRotation, randomSquare, segmentationAugment } from "./augment.ts";
import { centreCrop, chain, oneOf, resizeTo, sometimes, type Step, tenCropView } from "./step.ts";
import { patternImage, patternMask } from "./test-support.ts";

const side = fc.integer({ min: 1, max: 60 });
const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const view = (width: number, height: number) => ({ image: patternImage(width, height), mask: patternMask(width, height) });
const ramp = { image: { width: 256, height: 1, data: Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3)) } };
const greys = (step: Step, s: number) => Array.from({ length: 256 }, (_, v) => step(ramp, new Rng(s)).image.data[v * 3] ?? -1);

describe("randomBox", () => {
  it("always lies inside the image", () => {
    fc.assert(
      fc.property(side, side, seed, (width, height, s) => {
        const box = randomBox(width, height, new Rng(s));
        expect(box.width).toBeGreaterThanOrEqual(1);
        expect(box.height).toBeGreaterThanOrEqual(1);
        expect(box.left).toBeGreaterThanOrEqual(0);
        expect(box.top).toBeGreaterThanOrEqual(0);
        expect(box.left + box.width).toBeLessThanOrEqual(width);
        expect(box.top + box.height).toBeLessThanOrEqual(height);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps area and aspect ratio within their ranges, up to rounding", () => {
    for (let s = 0; s < 300; s++) {
      const { width, height } = randomBox(200, 200, new Rng(s), { area: [0.25, 0.5] });
      expect(width * height).toBeGreaterThan(0.25 * 200 * 200 - 200);
      expect(width * height).toBeLessThan(0.5 * 200 * 200 + 200);
      expect(width / height).toBeGreaterThan(3 / 4 - 0.02);
      expect(width / height).toBeLessThan(4 / 3 + 0.02);
    }
  });

  it.each([
    [1000, 10, { left: 493, top: 0, width: 13, height: 10 }],
    [10, 1000, { left: 0, top: 493, width: 10, height: 13 }],
  ])("of %s x %s takes the largest centre crop when nothing fits in ten tries", (width, height, box) => {
    expect(randomBox(width, height, new Rng(1), { area: [0.9, 1] })).toEqual(box);
  });
});

describe("every augmentation", () => {
  it.each<[string, Step]>([
    ["classification", classificationAugment(16)],
    ["segmentation", segmentationAugment(16)],
    ["centre crop", centreCrop(16)],
    ["resize", resizeTo(16)],
  ])("of %s gives the asked size, the same bits for a seed, and a mask that stays binary", (_, step) => {
    fc.assert(
      fc.property(side, side, seed, (width, height, s) => {
        const first = step(view(width, height), new Rng(s));
        expect(step(view(width, height), new Rng(s))).toEqual(first);
        expect([first.image.width, first.image.height, first.image.data.length]).toEqual([16, 16, 768]);
        expect([first.mask?.width, first.mask?.height, first.mask?.data.length]).toEqual([16, 16, 256]);
        expect(first.mask?.data.every((v) => v <= 1)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("differs between seeds", () => {
    const made = new Set([1, 2, 3, 4, 5].map((s) => classificationAugment(16)(view(30, 30), new Rng(s)).image.data.join()));
    expect(made.size).toBe(5);
  });

  it("moves image and mask together", () => {
    // Where the image is bright, the mask is set; nothing is mixed, so that holds after any crop, mirror or rotation.
    const mask = patternMask(24, 24);
    const image = { width: 24, height: 24, data: Uint8Array.from({ length: 24 * 24 * 3 }, (_, i) => 255 * (mask.data[Math.floor(i / 3)] ?? 0)) };
    const step = chain(randomSquare(), randomFlip(), randomRotation(30));
    for (let s = 0; s < 20; s++) {
      const out = step({ image, mask }, new Rng(s));
      expect(out.mask?.data).toEqual(out.image.data.filter((_, i) => i % 3 === 0).map((v) => (v ? 1 : 0)));
    }
  });
});

describe("brightness, contrast and gamma", () => {
  it("follow their formulas through a table", () => {
    const draw = new Rng(5);
    const alpha = 1 + draw.uniform(-0.2, 0.2);
    const beta = draw.uniform(-0.2, 0.2);
    expect(greys(brightnessContrast(), 5)).toEqual(Array.from({ length: 256 }, (_, v) => Math.trunc(Math.min(255, Math.max(0, alpha * v + 255 * beta)))));
    const g = (80 + new Rng(5).int(41)) / 100;
    expect(greys(gamma(), 5)).toEqual(Array.from({ length: 256 }, (_, v) => Math.trunc(255 * (v / 255) ** (1 / g))));
  });

  it("leave the mask alone", () => {
    for (const step of [brightnessContrast(), gamma()]) expect(step(view(6, 5), new Rng(1)).mask).toEqual(patternMask(6, 5));
  });
});

describe("steps", () => {
  const mark = (value: number): Step => () => ({ image: { width: 1, height: 1, data: Uint8Array.of(value, value, value) } });

  it("run with their probability", () => {
    const hits = Array.from({ length: 2000 }, (_, s) => sometimes(0.3, mark(1))(view(1, 1), Rng.for(s, "p")).image.data[0] === 1).filter(Boolean).length;
    // 2000 draws at 0.3: mean 600, standard deviation 20.5; four of them.
    expect(Math.abs(hits - 600)).toBeLessThan(82);
  });

  it("are chosen with equal odds", () => {
    const counts = [0, 0, 0];
    for (let s = 0; s < 3000; s++) {
      const chosen = oneOf(mark(0), mark(1), mark(2))(view(1, 1), Rng.for(s, "one")).image.data[0] ?? 9;
      counts[chosen] = (counts[chosen] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(104);
  });

  it("make ten test views that differ, and refuse an eleventh", () => {
    const views = Array.from({ length: 10 }, (_, k) => tenCropView(28, k)(view(40, 40), new Rng(0)).image);
    expect(views.every((v) => v.width === 28 && v.height === 28)).toBe(true);
    expect(new Set(views.map((v) => v.data.join())).size).toBe(10);
    expect(views[4]).toEqual(centreCrop(28)(view(40, 40), new Rng(0)).image);
    expect(() => tenCropView(28, 10)(view(40, 40), new Rng(0))).toThrow(/k is 0 to 9/);
  });
});

describe("classificationAugment", () => {
  it("leaves out what is switched off", () => {
    const off = classificationAugment(20, { crop: false, flip: false, rotateDegrees: false });
    expect(off(view(20, 20), new Rng(3)).image).toEqual(patternImage(20, 20));
  });

  it.each([
    [{ crop: { area: [0, 1] as const } }, /crop\.area/],
    [{ crop: { area: [0.9, 0.5] as const } }, /crop\.area/],
    [{ crop: { ratio: [-1, 2] as const } }, /crop\.ratio/],
    [{ flip: 2 }, /flip is a probability/],
    [{ rotateDegrees: -4 }, /rotateDegrees/],
  ])("refuses %o", (options, message) => {
    expect(() => classificationAugment(20, options)).toThrow(message);
  });
});
