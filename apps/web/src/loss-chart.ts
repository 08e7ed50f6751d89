// The loss as it falls: training steps as a line, validation as dots joined. Drawn at most once a frame.

import { svg } from "./dom.ts";
import { number } from "./text.ts";

interface Point {
  readonly epoch: number;
  readonly loss: number;
}

const frame = { height: 240, left: 46, right: 12, top: 10, bottom: 30 };
/** Points drawn of the training line; more are averaged in groups. */
const mostPoints = 400;

export class LossChart {
  #training: Point[] = [];
  #validation: Point[] = [];
  #epochs = 1;
  #pending = false;

  constructor(readonly place: HTMLElement) {
    // Drawn at the size it is shown at, so that its text stays readable on a phone.
    new ResizeObserver(() => this.#soon()).observe(place);
  }

  clear(epochs: number): void {
    [this.#training, this.#validation, this.#epochs] = [[], [], epochs];
    this.#soon();
  }

  /** @param epoch  position in epochs: 1.5 is the middle of the second */
  addTraining(epoch: number, loss: number): void {
    this.#training.push({ epoch, loss });
    this.#soon();
  }

  addValidation(epoch: number, loss: number): void {
    this.#validation.push({ epoch, loss });
    this.#soon();
  }

  #soon(): void {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { height, left, right, top, bottom } = frame;
    const width = Math.max(240, this.place.clientWidth);
    const training = thinned(this.#training);
    const ticks = niceTicks([...training, ...this.#validation].map((p) => p.loss));
    const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
    const x = (epoch: number) => left + (epoch / this.#epochs) * (width - left - right);
    const y = (loss: number) => height - bottom - ((loss - low) / (high - low)) * (height - top - bottom);
    const path = (points: readonly Point[]) => points.map((p, i) => `${i ? "L" : "M"}${x(p.epoch).toFixed(1)} ${y(p.loss).toFixed(1)}`).join("");
    const everyEpoch = Math.ceil(this.#epochs / 10);
    const epochs = Array.from({ length: Math.floor(this.#epochs / everyEpoch) + 1 }, (_, i) => i * everyEpoch);
    const last = this.#validation.at(-1) ?? this.#training.at(-1);
    this.place.replaceChildren(
      svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": last ? `Loss by epoch, now ${number(last.loss)}.` : "Loss by epoch, no steps yet." },
        ...ticks.flatMap((tick) => [
          svg("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
          svg("text", { class: "tick", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, number(tick)),
        ]),
        ...epochs.map((epoch) => svg("text", { class: "tick", x: x(epoch), y: height - 10, "text-anchor": "middle" }, String(epoch))),
        svg("path", { class: "training", d: path(training) }),
        ...training.slice(-1).map((p) => svg("circle", { class: "training", cx: x(p.epoch), cy: y(p.loss), r: 2.5 })),
        svg("path", { class: "validating", d: path(this.#validation) }),
        ...this.#validation.map((p) => svg("circle", { class: "validating", cx: x(p.epoch), cy: y(p.loss), r: 3.5 }, svg("title", {}, `epoch ${p.epoch}: ${number(p.loss)}`))),
      ),
    );
  }
}

function thinned(points: readonly Point[]): Point[] {
  const group = Math.max(1, Math.ceil(points.length / mostPoints));
  return Array.from({ length: Math.ceil(points.length / group) }, (_, i) => {
    const some = points.slice(i * group, (i + 1) * group);
    const mean = (of: (p: Point) => number) => some.reduce((sum, p) => sum + of(p), 0) / some.length;
    return { epoch: mean((p) => p.epoch), loss: mean((p) => p.loss) };
  });
}

/** Round numbers from 0, or from below the lowest value, to above the highest: about five. */
export function niceTicks(values: readonly number[]): number[] {
  const finite = values.filter(Number.isFinite);
  const high = finite.length ? Math.max(...finite) : 1;
  const low = Math.min(0, ...finite);
  const raw = Math.max(high - low, 1e-12) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((m) => m * power >= raw * 0.999) ?? 10) * power;
  const first = Math.floor(low / step);
  return Array.from({ length: Math.max(1, Math.ceil(high / step - 1e-9) - first) + 1 }, (_, i) => (first + i) * step);
}
