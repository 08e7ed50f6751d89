import { Rng, type Shape, sizeOf } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { tensor, type Tensor } from "@roentgen/tensor";

/** Uniform values in [-1, 1], the same each time. */
export function noise(device: Device, shape: Shape): Tensor {
  const rng = Rng.for(1, ...shape);
  return tensor(device, Float32Array.from({ length: sizeOf(shape) }, () => rng.uniform(-1, 1)), shape);
}
