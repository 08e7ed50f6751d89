// Overlap of predicted and true masks. A pixel is on if its value is ABOVE the threshold, in both masks. Two conventions are
// in use, so both are given: pooled counts all pixels of all images together; mean takes each image's score, then the mean.
// Where truth and prediction are both empty, Dice and IoU are 1; with an empty truth and any predicted pixel they are 0.
// Dice: Dice, Ecology 26 (1945); IoU: Jaccard (1912).
import { type Numbers, ordered, sameLength } from "./check.ts";
import { type Counts, sensitivity, specificity } from "./counts.ts";

/**
 * Pixel counts of one image (or of several laid end to end).
 *
 * @param prediction  probabilities, any layout
 * @param truth       mask, 0 to 1, same layout
 * @throws ShapeError on different lengths, NonFiniteError on NaN
 */
export function maskCounts(prediction: Numbers, truth: Numbers, { threshold = 0.5 } = {}): Counts {
  const n = sameLength("maskCounts", "predicted pixels", prediction, "true pixels", truth);
  let both = 0;
  let predicted = 0;
  let actual = 0;
  for (let i = 0; i < n; i++) {
    const p = ordered("maskCounts: prediction", prediction[i] as number, i) > threshold;
    const y = ordered("maskCounts: truth", truth[i] as number, i) > threshold;
    if (p) predicted++;
    if (y) actual++;
    if (p && y) both++;
  }
  return { truePositives: both, falsePositives: predicted - both, falseNegatives: actual - both, trueNegatives: n - predicted - actual + both };
}

/** 2 |P and Y| / (|P| + |Y|); 1 if both are empty. */
export function dice(c: Counts): number {
  const sizes = 2 * c.truePositives + c.falsePositives + c.falseNegatives;
  return sizes === 0 ? 1 : (2 * c.truePositives) / sizes;
}

/** |P and Y| / |P or Y|; 1 if both are empty. */
export function iou(c: Counts): number {
  const union = c.truePositives + c.falsePositives + c.falseNegatives;
  return union === 0 ? 1 : c.truePositives / union;
}

/** The four overlap scores of one set of counts, or their means over images. A rate without a denominator is null. */
export interface OverlapScores {
  readonly dice: number;
  readonly iou: number;
  readonly sensitivity: number | null;
  readonly specificity: number | null;
}

/** What an OverlapMeter has seen. */
export interface OverlapResult {
  readonly images: number;
  readonly pooled: OverlapScores;
  /** Means over images; sensitivity and specificity over the images where they are defined. */
  readonly mean: OverlapScores;
  /** Images without a true pixel (no sensitivity) and without a background pixel (no specificity). */
  readonly withoutSensitivity: number;
  readonly withoutSpecificity: number;
  readonly perImage: readonly OverlapScores[];
}

function scoresOf(c: Counts): OverlapScores {
  return { dice: dice(c), iou: iou(c), sensitivity: sensitivity(c), specificity: specificity(c) };
}

/** Adds images up one at a time, so that masks need not be kept: four scores an image and four counts stay. */
export class OverlapMeter {
  #counts: Counts = { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 };
  #perImage: OverlapScores[] = [];
  #threshold: number;

  constructor({ threshold = 0.5 } = {}) {
    this.#threshold = threshold;
  }

  /** One image; returns its scores. Throws as maskCounts, and then counts nothing. */
  add(prediction: Numbers, truth: Numbers): OverlapScores {
    const c = maskCounts(prediction, truth, { threshold: this.#threshold });
    const all = this.#counts;
    this.#counts = {
      truePositives: all.truePositives + c.truePositives,
      falsePositives: all.falsePositives + c.falsePositives,
      falseNegatives: all.falseNegatives + c.falseNegatives,
      trueNegatives: all.trueNegatives + c.trueNegatives,
    };
    const scores = scoresOf(c);
    this.#perImage.push(scores);
    return scores;
  }

  /** null before the first image. */
  result(): OverlapResult | null {
    const images = this.#perImage.length;
    if (images === 0) return null;
    const meanOf = (key: keyof OverlapScores) => {
      const defined = this.#perImage.map((scores) => scores[key]).filter((score) => score !== null);
      return defined.length === 0 ? null : defined.reduce((sum, score) => sum + score, 0) / defined.length;
    };
    return {
      images,
      pooled: scoresOf(this.#counts),
      mean: { dice: meanOf("dice") as number, iou: meanOf("iou") as number, sensitivity: meanOf("sensitivity"), specificity: meanOf("specificity") },
      withoutSensitivity: this.#perImage.filter((scores) => scores.sensitivity === null).length,
      withoutSpecificity: this.#perImage.filter((scores) => scores.specificity === null).length,
      perImage: [...this.#perImage],
    };
  }
}
