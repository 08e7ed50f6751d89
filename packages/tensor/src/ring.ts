import { PlanError } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { ring as k } from "@roentgen/kernels";
import { launch } from "./op.ts";
import { persistent, type Tensor } from "./tensor.ts";

/** The last values of a scalar, kept on the device: a recorded step pushes its loss, the host reads many at once. */
export class Ring {
  readonly #buffer: Tensor;
  #seen = 0;

  /** @param size  values kept; read at least that often */
  constructor(
    device: Device,
    readonly size = 64,
  ) {
    this.#buffer = persistent(device, [size + 1], "ring", "u32");
    device.zero(this.#buffer.buffer);
  }

  /** Appends an f32 with one element. Leaves no node. */
  push(x: Tensor): void {
    launch(k.push, { x, ring: this.#buffer, params: { size: this.size } }, [1, 1, 1]);
  }

  /** The values pushed since the last read, oldest first. Throws PlanError if some were overwritten before they were read. */
  async read(): Promise<Float32Array> {
    const words = (await this.#buffer.read()).data as Uint32Array;
    const count = words[0] ?? 0;
    const fresh = count - this.#seen;
    if (fresh > this.size) throw new PlanError(`ring: ${fresh} values were pushed since the last read, it keeps ${this.size}. Read more often, or make it larger.`);
    const values = new Float32Array(words.buffer, words.byteOffset + 4, this.size);
    const out = Float32Array.from({ length: fresh }, (_, i) => values[(this.#seen + i) % this.size] ?? NaN);
    this.#seen = count;
    return out;
  }

  dispose(): void {
    this.#buffer.dispose();
  }
}
