// Loss scaling for mixed precision, as torch.amp.GradScaler does it (https://pytorch.org/docs/stable/amp.html#gradient-scaling) but
// without the host: the factor, its history and the decision to skip a step live on the device, so a recorded step needs no look.

import { ConfigError } from "@roentgen/core";
import { type Buffer, type Device, flatGrid } from "@roentgen/gpu";
import { lossScale as k } from "@roentgen/kernels";
import { persistent, Tensor } from "@roentgen/tensor";
import { lanesOfNorm, stripesOfNorm } from "./optimizer.ts";

export interface LossScaleOptions {
  /** The first factor. A power of two scales without rounding. */
  readonly initial?: number;
  /** What the factor is multiplied with after `growthInterval` steps in a row without overflow. */
  readonly growth?: number;
  /** What it is multiplied with where a gradient overflowed. */
  readonly backoff?: number;
  readonly growthInterval?: number;
}

/** Gradients as an optimiser lays them, by the rows of its table of chunks. */
export interface ScaledGradients {
  readonly table: Buffer;
  readonly segments: readonly { readonly gradient: Buffer; readonly firstChunk: number; readonly chunks: number }[];
  /** What the gradients are to be multiplied with, and 1 if the step is skipped: written here. */
  readonly scale: Buffer;
  readonly maxGradNorm: number | undefined;
}

/**
 * The factor of a mixed-precision training. `backward(loss, lossScale.factor)` seeds the loss's gradient with it, and an optimiser that
 * was given it divides by it; where a gradient is infinite or NaN it leaves parameters, moments and step count as they were.
 *
 * @throws ConfigError for factors that do not fit
 */
export class LossScale {
  /** What a scalar loss's gradient is seeded with: f32[]. */
  readonly factor: Tensor;
  /** (factor, steps since it last changed, steps skipped so far) */
  readonly state: Buffer;
  readonly #options: Required<LossScaleOptions>;

  constructor(
    readonly device: Device,
    { initial = 65_536, growth = 2, backoff = 0.5, growthInterval = 2000 }: LossScaleOptions = {},
  ) {
    const fits = initial > 0 && initial < Infinity && growth > 1 && backoff > 0 && backoff < 1 && Number.isInteger(growthInterval) && growthInterval > 0;
    if (!fits) throw new ConfigError(`loss scale: expected initial > 0, growth > 1, backoff between 0 and 1 and a whole growthInterval > 0, got ${initial}, ${growth}, ${backoff} and ${growthInterval}.`);
    this.#options = { initial, growth, backoff, growthInterval };
    this.state = persistent(device, [4], "loss scale").buffer;
    this.factor = new Tensor(device, this.state, []);
    if (device.gpu) device.write(this.state, Float32Array.of(initial, 0, 0, 0));
  }

  /** The factor as it is now, and how many steps were skipped so far. */
  async read(): Promise<{ factor: number; sinceChange: number; skipped: number }> {
    const [factor = NaN, sinceChange = NaN, skipped = NaN] = new Float32Array(await this.device.read(this.state));
    return { factor, sinceChange, skipped };
  }

  /** Looks for overflow, decides, and returns the gradients' L2 norm before clipping, f32[1]; -1 where the step is skipped. */
  judge({ table, segments, scale, maxGradNorm = 0 }: ScaledGradients): Tensor {
    const { device } = this;
    const { growth, backoff, growthInterval } = this.#options;
    const params = (first: number, count: number) => ({ first, count, growth, backoff, interval: growthInterval, max_norm: maxGradNorm });
    const all = segments.reduce((sum, { chunks }) => sum + chunks, 0);
    const partial = device.alloc(4 * lanesOfNorm * all, "partial norms");
    for (const { gradient, firstChunk, chunks } of segments) {
      device.dispatch(k.checkChunk, { chunks: table, gradient, factor: this.state, partial }, params(firstChunk, chunks), flatGrid(lanesOfNorm * chunks, k.checkChunk.overrides.WORKGROUP));
    }
    const merged = device.alloc(4 * stripesOfNorm, "merged norms");
    device.dispatch(k.mergeChunks, { partials: partial, merged }, params(0, all), [stripesOfNorm / 64, 1, 1]);
    const norm = new Tensor(device, device.alloc(4, "norm"), [1]);
    device.dispatch(k.decide, { stripes: merged, state: this.state, scale, norm: norm.buffer }, params(0, 0), [1, 1, 1]);
    return norm;
  }

  dispose(): void {
    this.device.dispose(this.state);
  }
}
