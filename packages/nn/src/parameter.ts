import { PlanError, type Rng, type Shape, sizeOf } from "@roentgen/core";
import type { Tensor } from "@roentgen/tensor";

/** Fills a tensor of this shape (the device's layout) with its first values. */
export type Init = (shape: Shape, rng: Rng) => Float32Array;

/** How a parameter lies in a checkpoint: `oihw` filters are KRSC on the device and permuted at the door. */
export type FileLayout = "same" | "oihw" | "iohw";

/**
 * A named tensor of a module: a weight, or state (running statistics) that no gradient reaches. It is a description until
 * `materialize` gives it memory, so models can be counted and summarised without a device. It keeps its buffer for life.
 */
export class Parameter {
  /** Field path from the root module, which is its checkpoint name: `layer1.0.conv1.weight`. */
  path = "";
  readonly size: number;
  /** Whether convolutions may read an f16 copy of it in mixed precision. */
  mayBeHalf = false;
  #trainable = true;
  #tensor: Tensor | null = null;
  #half: Tensor | null = null;

  constructor(
    readonly shape: Shape,
    readonly init: Init,
    readonly kind: "weight" | "state" = "weight",
    readonly layout: FileLayout = "same",
  ) {
    this.size = sizeOf(shape);
  }

  get trainable(): boolean {
    return this.kind === "weight" && this.#trainable;
  }

  /** Frozen parameters get no gradient. Freeze before recording: a plan keeps what it was recorded with. */
  set trainable(value: boolean) {
    this.#trainable = value;
    for (const tensor of [this.#tensor, this.#half]) if (tensor) tensor.trainable = this.trainable;
  }

  /** Its f16 copy in mixed precision; the copy's gradient, f32, is the parameter's. */
  get half(): Tensor | null {
    return this.#half;
  }

  set half(copy: Tensor | null) {
    this.#half = copy;
    if (copy) copy.trainable = this.trainable;
  }

  get tensor(): Tensor {
    if (!this.#tensor) throw new PlanError(`${this.path || "parameter"}: the model has no memory yet. Call materialize(model, device, { seed }) first.`);
    return this.#tensor;
  }

  get isMaterial(): boolean {
    return this.#tensor !== null;
  }

  /** Called once, by `materialize`. */
  place(tensor: Tensor): void {
    if (this.#tensor) throw new PlanError(`${this.path}: the model already lives on a device. Build another model.`);
    this.#tensor = tensor;
    tensor.trainable = this.trainable;
  }
}
