import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { classificationAugment, segmentationAugment } from "./augment.ts";
import { type Batch, batchCount, batches, epochOrder } from "./batches.ts";
import { loadDataset } from "./dataset.ts";
import { centreCrop } from "./step.ts";
import { PLANES, rowsOf, sourceOf } from "./test-support.ts";

const ten = await loadDataset(sourceOf(PLANES, rowsOf(10)));
const common = { batch: 4, size: 4, seed: 7 };

describe("epochOrder", () => {
  it("is a permutation, the same for a seed and epoch, another for the next epoch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.nat(), fc.nat(1000), (n, seed, epoch) => {
        const order = epochOrder(n, { seed, epoch, shuffle: true });
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
        expect(epochOrder(n, { seed, epoch, shuffle: true })).toEqual(order);
        if (n >= 50) expect(epochOrder(n, { seed, epoch: epoch + 1, shuffle: true })).not.toEqual(order);
      }),
    );
  });

  it("is the order of the list without shuffling", () => {
    expect(epochOrder(4, { seed: 1 })).toEqual([0, 1, 2, 3]);
  });
});

describe("batches", () => {
  it("covers a split once, pads the last batch and says how many rows are real", () => {
    const all = [...batches(ten, "train", common)];
    expect(all.map((b) => [b.index, b.count, b.indices])).toEqual([[0, 4, [0, 1, 2, 3]], [1, 4, [4, 5, 6, 7]], [2, 2, [8, 9]]]);
    expect(all.map((b) => b.images.length)).toEqual([192, 192, 192]);
    // The toy images hold their number in the first pixel, and 100 elsewhere; padding is black.
    expect(Array.from({ length: 4 }, (_, row) => all[2]?.images[row * 48])).toEqual([8, 9, 0, 0]);
    expect(all[2]?.images.subarray(96).every((v) => v === 0)).toBe(true);
    expect(all[2]?.labels).toEqual(Uint32Array.of(2, 0, 0, 0));
    expect(all[2]?.masks).toBeUndefined();
  });

  it("leaves the short batch out with dropLast", () => {
    expect([...batches(ten, "train", { ...common, dropLast: true })].map((b) => b.count)).toEqual([4, 4]);
    expect([batchCount(ten, "train", { batch: 4, dropLast: true }), batchCount(ten, "train", { batch: 4 }), batchCount(ten, "train", { batch: 5 })]).toEqual([2, 3, 2]);
  });

  it("gives the same bits for a seed, wherever it starts", () => {
    const augment = classificationAugment(4);
    fc.assert(
      fc.property(fc.nat(), fc.nat(20), fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 5 }), (seed, epoch, start, batch) => {
        const options = { batch, size: 4, seed, epoch, shuffle: true, augment };
        const whole = [...batches(ten, "train", options)];
        expect([...batches(ten, "train", { ...options, start })]).toEqual(whole.slice(start));
      }),
      { numRuns: 40 },
    );
  });

  it("augments a sample by its place in the split, not by its batch", () => {
    const images = (all: Batch[], size: number) => new Map(all.flatMap((b) => b.indices.map((i, row) => [i, b.images.slice(row * size, (row + 1) * size).join()] as const)));
    const options = { ...common, size: 8, augment: classificationAugment(8) };
    const inOrder = images([...batches(ten, "train", options)], 192);
    const shuffled = images([...batches(ten, "train", { ...options, batch: 3, shuffle: true })], 192);
    expect(shuffled).toEqual(new Map([...shuffled.keys()].map((i) => [i, inOrder.get(i)])));
    expect(images([...batches(ten, "train", { ...options, epoch: 1 })], 192)).not.toEqual(inOrder);
  });

  it("writes masks and labels as the losses want them", async () => {
    const masks = await loadDataset(sourceOf({ kind: "mask", classes: ["brain"] }, [{ image: "a.png", mask: "m.png", split: "train", subject: "anna" }]));
    const [m] = [...batches(masks, "train", { batch: 2, size: 2, seed: 0 })];
    // A 4x4 mask with its first pixel set: nearest at half the size looks at pixels (1, 1), (3, 1), ...
    expect(m?.masks).toEqual(new Float32Array(8));
    expect([...batches(masks, "train", { batch: 1, size: 4, seed: 0 })][0]?.masks).toEqual(Float32Array.of(1, ...new Array<number>(15).fill(0)));
    expect([...batches(masks, "train", { batch: 1, size: 4, seed: 0, augment: segmentationAugment(4) })][0]?.masks?.length).toBe(16);
    const row = { image: "a.png", label: 1, labels: [0, 1], split: "train", subject: "anna" };
    const binary = await loadDataset(sourceOf({ kind: "binary", classes: ["tb"] }, [row]));
    expect([...batches(binary, "train", { batch: 2, size: 2, seed: 0 })][0]?.labels).toEqual(Float32Array.of(1, 0));
    const multi = await loadDataset(sourceOf({ kind: "multilabel", classes: ["mass", "nodule"] }, [row]));
    expect([...batches(multi, "train", { batch: 2, size: 2, seed: 0 })][0]?.labels).toEqual(Float32Array.of(0, 1, 0, 0));
  });

  it.each([
    [{ batch: 0 }, "toy/train: batch is an integer of at least 1, got 0."],
    [{ size: 1.5 }, "toy/train: size is an integer of at least 1, got 1.5."],
    [{ epoch: -1 }, "toy/train: epoch is an integer of at least 0, got -1."],
    [{ start: Number.NaN }, "toy/train: start is an integer of at least 0, got NaN."],
    [{ batch: 11, dropLast: true }, "toy/train: 10 samples make no batch of 11. Take a smaller batch, or leave dropLast out."],
    [{ augment: centreCrop(5) }, "toy/train: augment made 5x5 of train/0.png, the batch takes 4x4. End it with resizeTo(4)."],
  ])("refuses %o", (options, message) => {
    expect(() => [...batches(ten, "train", { ...common, ...options })]).toThrow(message);
  });

  it("refuses a split without samples", () => {
    expect(() => [...batches(ten, "val", common)]).toThrow('toy/val: the split has no samples. Look at "split" in the list.');
  });
});
