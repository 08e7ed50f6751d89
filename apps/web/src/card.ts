// A card that takes files: what was taken last, and what is wrong with what came after it.

import { tell } from "./notice.ts";

export interface CardParts<T> {
  /** Of a card that is one of several to choose from. */
  readonly radio?: HTMLInputElement;
  readonly problem: HTMLElement;
  /** Puts on the card what was taken. */
  readonly show: (taken: T) => void;
  readonly nameOf: (taken: T) => string;
}

export class Card<T> {
  readonly #parts: CardParts<T>;
  #taken: T | null = null;
  #turn = 0;
  #reading = false;

  constructor(parts: CardParts<T>) {
    this.#parts = parts;
  }

  get taken(): T | null {
    return this.#taken;
  }

  /**
   * Takes what is being read, in place of what was taken before; where that fails, the earlier one stays, and the card says so. The radio button
   * moves either way: who chose a file that is no good did not ask for the other images.
   */
  async take(reading: Promise<T>): Promise<void> {
    const turn = ++this.#turn;
    this.#reading = true;
    if (this.#parts.radio) this.#parts.radio.checked = true;
    this.clear();
    // What was chosen later may be read sooner.
    const settled = await reading.then((taken) => ({ taken }), (problem: unknown) => ({ problem }));
    if (turn !== this.#turn) return;
    this.#reading = false;
    if ("problem" in settled) return this.refuse(settled.problem);
    this.#taken = settled.taken;
    this.clear();
    this.#parts.show(settled.taken);
  }

  /** What was taken; null, said on the card, where there is nothing, or not yet. */
  demand(otherwise: string): T | null {
    if (!this.#reading && this.#taken) return this.#taken;
    tell(this.#parts.problem, this.#reading ? "This is still being read. Press again in a moment." : otherwise);
    return null;
  }

  refuse(problem: unknown): void {
    tell(this.#parts.problem, problem, this.#taken ? `Still chosen: ${this.#parts.nameOf(this.#taken)}.` : "Nothing is chosen.");
  }

  clear(): void {
    this.#parts.problem.hidden = true;
  }
}
