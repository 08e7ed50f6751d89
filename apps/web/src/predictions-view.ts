// What the model says of images: bars for classes, a tinted mask with the outline of the truth for pixels.

import type { PredictedImage, Predictions } from "@roentgen/runner";
import { element } from "./dom.ts";
import { percent } from "./text.ts";

/** More tiles than anyone looks at slow a phone down. */
export const mostTiles = 48;
/** Tiles shown until more are asked for: on a phone 48 are ten screens. */
const fewTiles = 12;
const mostBars = 3;

/** Colours of masks, on images that are mostly grey: a blue fill and a yellow outline keep apart for colour-blind eyes too. */
const fill = [66, 165, 245] as const;
const outline = [255, 213, 64] as const;

/** What tiles are drawn from. Truth may be unknown: no labels, no mask. */
export type Shown = Pick<Predictions, "kind" | "classes" | "size" | "images">;

const isKnown = ({ labels, mask }: Pick<PredictedImage, "labels" | "mask">): boolean => labels.length > 0 || mask !== null;

export function tileOf(prediction: PredictedImage, { kind, classes, size }: Omit<Shown, "images">): HTMLElement {
  const { file } = prediction;
  const isMask = kind === "mask";
  const canvas = element("canvas", "");
  canvas.width = canvas.height = size;
  canvas.getContext("2d")?.putImageData(new ImageData(isMask ? maskPixels(prediction, size) : pixels(prediction.image), size, size), 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", labelOf(prediction, { kind, classes }));
  canvas.title = file;
  const tile = element("figure", "tile", canvas);
  if (!isKnown(prediction)) tile.append(element("div", "name", file.slice(file.lastIndexOf("/") + 1)));
  if (isMask) tile.append(element("figcaption", "", isKnown(prediction) ? `Dice ${percent(diceOf(prediction))}` : `${percent(shareOf(prediction.probabilities))} marked`));
  else tile.append(...captions(prediction, { kind, classes }));
  return tile;
}

/** What stands above tiles. */
export interface Heading {
  /** Tells one lot of tiles from the next. */
  readonly key: string;
  readonly title: string;
  readonly note: string;
}

export interface PredictionsPlaces {
  readonly place: HTMLElement;
  readonly title: HTMLElement;
  readonly note: HTMLElement;
  /** Shows all tiles, or a few again. */
  readonly all: HTMLButtonElement;
}

/** Puts tiles into a place, the first of a lot after clearing what another left. */
export class PredictionsView {
  readonly #places: PredictionsPlaces;
  #showing = "";
  #folded = true;

  constructor(places: PredictionsPlaces) {
    this.#places = places;
    const { all } = places;
    all.addEventListener("click", () => {
      this.#folded = !this.#folded;
      this.#fold();
      all.scrollIntoView({ block: "nearest" });
    });
  }

  clear(): void {
    this.#showing = "";
    this.#places.place.replaceChildren();
    this.#fold();
  }

  #fold(): void {
    const { place, all } = this.#places;
    for (const [i, tile] of [...place.children].entries()) (tile as HTMLElement).hidden = this.#folded && i >= fewTiles;
    all.hidden = place.childElementCount <= fewTiles;
    all.textContent = this.#folded ? `Show all ${place.childElementCount}` : `Show the first ${fewTiles}`;
  }

  /** Adds tiles, after removing those that came under another heading. */
  add(shown: Shown, heading: Heading): void {
    const { place, title, note } = this.#places;
    if (heading.key !== this.#showing) place.replaceChildren();
    this.#showing = heading.key;
    place.className = shown.kind === "mask" ? "tiles-masks" : "tiles-classes";
    const free = mostTiles - place.childElementCount;
    place.append(...shown.images.slice(0, free).map((image) => tileOf(image, shown)));
    title.textContent = heading.title + (shown.images.length > free ? `, the first ${mostTiles}` : "");
    note.textContent = heading.note;
    this.#fold();
  }
}

type Named = Pick<Predictions, "kind" | "classes">;

/** What is seen at a glance, in words: the file, what the network makes of it, what is true. */
export function labelOf(prediction: Omit<PredictedImage, "image">, { kind, classes }: Named): string {
  const { file, probabilities } = prediction;
  if (kind === "mask" && !isKnown(prediction)) return `${file}: ${percent(shareOf(probabilities))} of the pixels marked`;
  if (kind === "mask") return `${file}: Dice ${percent(diceOf(prediction))}, ${percent(shareOf(probabilities))} of the pixels marked, truth ${percent(shareOf(prediction.mask ?? []))}`;
  const { order, said, right, truth } = verdictOf(prediction, { kind, classes });
  const [first = 0] = order;
  const says = said.map((c) => `${classes[c]} ${percent(probabilities[c] ?? 0)}`).join(", ") || `none, ${classes[first]} ${percent(probabilities[first] ?? 0)}`;
  return `${file}: predicted ${says}${isKnown(prediction) ? `; ${right ? "right" : `wrong, truth ${truth}`}` : ""}`;
}

const shareOf = (values: ArrayLike<number>): number => Array.from(values).filter((v) => v > 0.5).length / Math.max(1, values.length);

/** Classes by probability, which of them are said to be there (the first; of several at a time each above one half), and whether that is right. */
function verdictOf({ probabilities, labels }: Pick<PredictedImage, "probabilities" | "labels">, { kind, classes }: Named) {
  const multiclass = kind === "multiclass";
  const isTrue = (c: number) => (multiclass ? labels[0] === c : labels[c] === 1);
  const order = [...probabilities.keys()].sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0));
  const said = multiclass ? order.slice(0, 1) : order.filter((c) => (probabilities[c] ?? 0) > 0.5);
  const right = multiclass ? isTrue(order[0] ?? 0) : probabilities.every((p, c) => p > 0.5 === isTrue(c));
  return { isTrue, order, said, right, truth: classes.filter((_, c) => isTrue(c)).join(", ") || "none" };
}

function captions(prediction: PredictedImage, { kind, classes }: Named): HTMLElement[] {
  const { probabilities } = prediction;
  const { isTrue, order, said, right, truth } = verdictOf(prediction, { kind, classes });
  const bars = order.slice(0, mostBars).map((c) => {
    const meter = element("progress", (isKnown(prediction) ? isTrue(c) : said.includes(c)) ? "true" : "");
    meter.value = probabilities[c] ?? 0;
    meter.setAttribute("aria-label", classes[c] ?? "");
    return element("div", "bar", element("span", "", `${classes[c]} ${percent(probabilities[c] ?? 0)}`), meter);
  });
  if (!isKnown(prediction)) return [element("figcaption", "", said.map((c) => classes[c]).join(", ") || "none"), ...bars];
  return [element("figcaption", right ? "right" : "wrong", right ? `✓ ${truth}` : `✗ truth: ${truth}`), ...bars];
}

/** Agreement at one half: 2|A∩B| / (|A|+|B|); 1 where both are empty. */
export function diceOf({ probabilities, mask }: Pick<PredictedImage, "probabilities" | "mask">): number {
  let [both, either] = [0, 0];
  for (const [i, p] of probabilities.entries()) {
    const [predicted, actual] = [p > 0.5 ? 1 : 0, (mask?.[i] ?? 0) > 0.5 ? 1 : 0];
    both += predicted * actual;
    either += predicted + actual;
  }
  return either === 0 ? 1 : (2 * both) / either;
}

function pixels(rgb: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray((rgb.length / 3) * 4).fill(255);
  for (let i = 0; i < rgb.length / 3; i++) out.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return out;
}

function maskPixels({ image, probabilities, mask }: PredictedImage, size: number): Uint8ClampedArray<ArrayBuffer> {
  const out = pixels(image);
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < size && y < size && (mask?.[y * size + x] ?? 0) > 0.5;
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [i % size, Math.floor(i / size)];
    const border = inside(x, y) && !(inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1));
    const [colour, strength] = border ? [outline, 1] : [fill, (probabilities[i] ?? 0) > 0.5 ? 0.55 : 0];
    for (let c = 0; c < 3; c++) out[4 * i + c] = (1 - strength) * (out[4 * i + c] ?? 0) + strength * (colour[c] ?? 0);
  }
  return out;
}
