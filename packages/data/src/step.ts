// An augmentation is a Step: a function from a view and a generator to a view. Steps are put together with `chain`, `sometimes`
// and `oneOf`, so that a further one (elastic, grid or optical distortion) is a further function and nothing else changes.

import type { Rng } from "@roentgen/core";

import { type Box, centreBox, cropImage, cropMask, tenCrop } from "./geometry.ts";
import type { Image, View } from "./image.ts";
import { resizeBilinear, resizeNearest } from "./resize.ts";

/** Makes one view from another. Draws only from `rng`, and treats image and mask alike where it moves pixels. */
export type Step = (view: View, rng: Rng) => View;

/** Steps one after another, drawing from the same generator in order. */
export const chain = (...steps: readonly Step[]): Step => (view, rng) => steps.reduce((v, step) => step(v, rng), view);

/** `step` with the given probability, otherwise the view as it is. Always draws once. */
export const sometimes = (probability: number, step: Step): Step => (view, rng) => (rng.uniform() < probability ? step(view, rng) : view);

/** One of the steps, with equal odds. */
export const oneOf = (...steps: readonly Step[]): Step => (view, rng) => steps[rng.int(steps.length)]?.(view, rng) ?? view;

/** Image and mask cut to a box. */
export const cropView = ({ image, mask }: View, box: Box): View => ({ image: cropImage(image, box), mask: mask && cropMask(mask, box) });

/** Exactly `width` x `height`, aspect ratio not kept: image bilinear (antialiased), mask nearest. */
export const resizeView = ({ image, mask }: View, width: number, height: number): View => ({
  image: resizeBilinear(image, width, height),
  mask: mask && resizeNearest(mask, width, height),
});

/** The whole view at `size` x `size`. What evaluation uses where masks are compared pixel by pixel. */
export const resizeTo = (size: number): Step => (view) => resizeView(view, size, size);

/** The protocol's validation view: resized to 8/7 of `size` (256 for 224), then the centre crop. */
export const centreCrop = (size: number): Step => (view) => cropView(resizeView(view, beforeCrop(size), beforeCrop(size)), centreBox(beforeCrop(size), beforeCrop(size), size));

/** How many crops test-time augmentation averages. */
export const TEN = 10;

/**
 * Crop `k` (0 to 9) of the protocol's test view: resized to 8/7 of `size`, then the ten crops in `tenCrop`'s order. Run the same
 * batches once for each k and average the probabilities; the batch size stays what the plan was recorded for. Images only.
 */
export const tenCropView = (size: number, k: number): Step => (view) => {
  const image: Image | undefined = tenCrop(resizeBilinear(view.image, beforeCrop(size), beforeCrop(size)), size)[k];
  if (!image) throw new RangeError(`tenCropView: k is 0 to ${TEN - 1}, got ${k}.`);
  return { image };
};

/** 256 for 224, and the same proportion for other sizes. */
const beforeCrop = (size: number): number => Math.round((size * 8) / 7);
