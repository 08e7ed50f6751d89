// What a network in evaluation mode says of 8-bit images, batch after batch: it validates and tests a trial, and applies what one has kept.

import type { Device } from "@roentgen/gpu";
import type { Pass } from "@roentgen/nn";
import { imageToFloat, noGrad, record, spec, type Step, type Tensor } from "@roentgen/tensor";
import type { Model } from "./build-model.ts";

export interface ForwardOptions {
  /** Images in each batch. */
  readonly batch: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Mean and SD of RGB in [0, 1], for `imageToFloat`. */
  readonly input: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

export class Forward {
  readonly #step: Step<Tensor>;

  /** Records the forward pass of a model that is in evaluation mode. */
  constructor(device: Device, pass: Pass<Model>, { batch, size, input }: ForwardOptions) {
    this.#step = record(device, "evaluate", (x) => noGrad(() => pass.forward(imageToFloat(x, input))), [spec("u8", [batch, size, size, 3])]);
  }

  /** What it holds on the device. */
  get bytes(): number {
    return this.#step.plan.bytes;
  }

  build(onProgress: (done: number, total: number) => void): Promise<void> {
    return this.#step.build(onProgress);
  }

  dispose(): void {
    this.#step.dispose();
  }

  /**
   * Batches, of u8[batch, size, size, 3] each, with their logits. The next is under way before one is handed out: the device computes
   * while the host counts and draws the batch after it.
   */
  async *logitsOf<B extends { readonly images: Uint8Array }>(batches: Iterable<B> | AsyncIterable<B>): AsyncGenerator<{ batch: B; logits: Float32Array }, void, undefined> {
    let waiting: { batch: B; logits: Promise<Float32Array> } | null = null;
    for await (const batch of batches) {
      const logits = this.#step.run(batch.images).floats();
      logits.catch(() => undefined); // told to whoever awaits it, if the one before it has not failed
      if (waiting) yield { batch: waiting.batch, logits: await waiting.logits };
      waiting = { batch, logits };
    }
    if (waiting) yield { batch: waiting.batch, logits: await waiting.logits };
  }
}
