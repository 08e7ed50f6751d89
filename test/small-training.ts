// A training run small enough for tests that repeat it: ResNet-18, 32 pixels, batch 4, classes drawn at random.

import { Rng } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { type ResNet, resnet } from "@roentgen/models";
import { Adam, dispose, materialize } from "@roentgen/nn";
import { backward, crossEntropy, record, Ring, spec, type Step, type Tensor } from "@roentgen/tensor";

export type Batch = readonly [images: Float32Array, classes: Uint32Array];

const [batch, side, classes] = [4, 32, 3];
export const batchShapes = { images: [batch, side, side, 3], classes: [batch] } as const;

/** Batch number `i` of a data set without end. */
export function batchAt(seed: number, i: number): Batch {
  const rng = Rng.for(seed, "batch", i);
  return [Float32Array.from({ length: batch * side * side * 3 }, () => rng.uniform(-1.7, 1.7)), Uint32Array.from({ length: batch }, () => rng.int(classes))];
}

export interface SmallTraining {
  readonly model: ResNet;
  readonly losses: Ring;
  /** One update; returns the loss. Runs eagerly or inside `record`. */
  readonly update: (images: Tensor, classes: Tensor) => Tensor;
  record(): Step<Tensor>;
  dispose(): void;
}

export function smallTraining(device: Device, seed: number): SmallTraining {
  const model = materialize(resnet({ depth: 18, classes }), device, { seed });
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  const losses = new Ring(device, 16);
  const update = (images: Tensor, target: Tensor) => {
    const loss = crossEntropy(model.forward(images), target);
    optimizer.step(backward(loss));
    losses.push(loss);
    return loss;
  };
  return {
    model, losses, update,
    record: () => record(device, "train", update, [spec("f32", batchShapes.images), spec("u32", batchShapes.classes)]),
    dispose() {
      losses.dispose();
      optimizer.dispose();
      dispose(model);
    },
  };
}
