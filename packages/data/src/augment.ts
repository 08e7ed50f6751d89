// The study's training augmentation. Classification: RandomResizedCrop, RandomHorizontalFlip, RandomRotation, as torchvision
// defines them. Segmentation: brightness/contrast or gamma, then a random square crop, as albumentations defines them.

import { ConfigError, type Rng } from "@roentgen/core";

import { type Box, flipImage, flipMask, rotateImage, rotateMask } from "./geometry.ts";
import { type Image, RGB } from "./image.ts";
import { chain, cropView, oneOf, resizeView, sometimes, type Step } from "./step.ts";

/** Which part of an image RandomResizedCrop may take: area as a fraction of the image, aspect ratio as width over height. */
export interface CropRange {
  readonly area?: readonly [number, number];
  readonly ratio?: readonly [number, number];
}

/**
 * torchvision's RandomResizedCrop.get_params: area uniform, aspect ratio log-uniform, ten tries to fit, integer position uniform;
 * then the largest centre crop whose ratio is allowed. Box in pixels, always inside the image.
 */
export function randomBox(width: number, height: number, rng: Rng, { area = [0.08, 1], ratio = [3 / 4, 4 / 3] }: CropRange = {}): Box {
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = width * height * rng.uniform(area[0], area[1]);
    const aspect = Math.exp(rng.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = Math.round(Math.sqrt(target * aspect));
    const h = Math.round(Math.sqrt(target / aspect));
    if (w > 0 && h > 0 && w <= width && h <= height) return { left: rng.int(width - w + 1), top: rng.int(height - h + 1), width: w, height: h };
  }
  const w = Math.min(width, Math.max(1, Math.round(height * ratio[1])));
  const h = Math.min(height, Math.max(1, Math.round(width / ratio[0])));
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/** A random box of the view, resized to `size` x `size`. */
export const randomResizedCrop = (size: number, range: CropRange = {}): Step => (view, rng) =>
  resizeView(cropView(view, randomBox(view.image.width, view.image.height, rng, range)), size, size);

/** Mirrors left to right with probability `p`. Label-safe only where left and right mean nothing to the label. */
export const randomFlip = (p = 0.5): Step => sometimes(p, ({ image, mask }) => ({ image: flipImage(image), mask: mask && flipMask(mask) }));

/** Turns by an angle uniform in [-degrees, degrees]: nearest pixel, black outside. */
export const randomRotation = (degrees: number): Step => ({ image, mask }, rng) => {
  const angle = rng.uniform(-degrees, degrees);
  return { image: rotateImage(image, angle), mask: mask && rotateMask(mask, angle) };
};

/** v -> trunc(clip(alpha v + 255 beta)), alpha = 1 + U(-limit, limit), beta = U(-limit, limit). Image only. */
export const brightnessContrast = (limit = 0.2): Step => ({ image, mask }, rng) => {
  const alpha = 1 + rng.uniform(-limit, limit);
  const beta = rng.uniform(-limit, limit);
  return { image: throughTable(image, (v) => alpha * v + 255 * beta), mask };
};

/** v -> trunc(255 (v/255)^(1/g)), g an integer percentage in [low, high] over 100. Image only. */
export const gamma = (low = 80, high = 120): Step => ({ image, mask }, rng) => {
  const g = (low + rng.int(high - low + 1)) / 100;
  return { image: throughTable(image, (v) => 255 * (v / 255) ** (1 / g)), mask };
};

/** A square with a side uniform among the integers from 156/224 to all of the shorter side, at a uniform position; not resized. */
export const randomSquare = (fraction = 156 / 224): Step => (view, rng) => {
  const { width, height } = view.image;
  const most = Math.min(width, height);
  const least = Math.max(1, Math.min(most, Math.round(most * fraction)));
  const side = least + rng.int(most - least + 1);
  return cropView(view, { left: rng.int(width - side + 1), top: rng.int(height - side + 1), width: side, height: side });
};

/** Options of `classificationAugment`; `false` leaves a step out. Defaults are the protocol's. */
export interface ClassificationAugment {
  readonly crop?: CropRange | false;
  readonly flip?: number | false;
  readonly rotateDegrees?: number | false;
}

/**
 * The protocol's training view for classification, `size` x `size`: random resized crop, mirror with p = 0.5, turn within 7 degrees.
 * Throws ConfigError for ranges that cannot be drawn from.
 */
export function classificationAugment(size: number, { crop = {}, flip = 0.5, rotateDegrees = 7 }: ClassificationAugment = {}): Step {
  if (crop) {
    const { area: [least, most] = [0.08, 1], ratio: [flat, tall] = [3 / 4, 4 / 3] } = crop;
    if (!(least > 0 && least <= most && most <= 1)) throw new ConfigError(`augment: crop.area is [low, high] within 0 and 1, got [${least}, ${most}].`);
    if (!(flat > 0 && flat <= tall)) throw new ConfigError(`augment: crop.ratio is [low, high] above 0, got [${flat}, ${tall}].`);
  }
  if (flip !== false && !(flip >= 0 && flip <= 1)) throw new ConfigError(`augment: flip is a probability, got ${flip}.`);
  if (rotateDegrees !== false && !(rotateDegrees >= 0 && rotateDegrees <= 180)) throw new ConfigError(`augment: rotateDegrees is within 0 and 180, got ${rotateDegrees}.`);
  const steps: Step[] = [crop ? randomResizedCrop(size, crop) : (view) => resizeView(view, size, size)];
  if (flip) steps.push(randomFlip(flip));
  if (rotateDegrees) steps.push(randomRotation(rotateDegrees));
  return chain(...steps);
}

/**
 * The protocol's training view for segmentation without its distortions, `size` x `size`: with p = 0.3 brightness/contrast or
 * gamma, with p = 0.25 a random square; image bilinear, mask nearest.
 */
export const segmentationAugment = (size: number): Step =>
  chain(sometimes(0.3, oneOf(brightnessContrast(), gamma())), sometimes(0.25, randomSquare()), (view) => resizeView(view, size, size));

/** Truncated to a byte through a table of 256, as albumentations does. */
function throughTable(image: Image, f: (v: number) => number): Image {
  const table = Uint8Array.from({ length: 256 }, (_, v) => Math.trunc(Math.min(Math.max(f(v), 0), 255)));
  const data = new Uint8Array(image.width * image.height * RGB);
  for (let i = 0; i < data.length; i++) data[i] = table[image.data[i] ?? 0] ?? 0;
  return { width: image.width, height: image.height, data };
}
