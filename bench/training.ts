import type { Device } from "@roentgen/gpu";
import { resnet, unet } from "@roentgen/models";
import { Adam, dispose, materialize, type Module } from "@roentgen/nn";
import { backward, bceWithLogits, crossEntropy, record, spec, type Step, type Tensor } from "@roentgen/tensor";
import { Rng, type Shape, sizeOf } from "@roentgen/core";

export interface Workload {
  readonly name: "resnet50" | "unet";
  readonly batch: number;
  readonly size: number;
}

export interface Training {
  readonly step: Step<Tensor>;
  readonly data: readonly [Float32Array, Float32Array | Uint32Array];
  dispose(): void;
}

/** A whole recorded training step with Adam: ResNet-50 with ten classes, or U-Net on a ResNet-50 with one mask. */
export function training(device: Device, { name, batch, size }: Workload): Training {
  const images: Shape = [batch, size, size, 3];
  const [model, target, lossOf] = name === "resnet50"
    ? [resnet({ depth: 50, classes: 10 }), spec("u32", [batch]), crossEntropy] as const
    : [unet(), spec("f32", [batch, size, size, 1]), bceWithLogits] as const;
  materialize<Module>(model, device, { seed: 1 });
  const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
  const step = record(device, `${name} step`, (x, y) => {
    const loss = lossOf(model.forward(x), y);
    optimizer.step(backward(loss));
    return loss;
  }, [spec("f32", images), target]);
  const rng = Rng.for(1, name);
  const draws = (shape: Shape, draw: () => number) => Array.from({ length: sizeOf(shape) }, draw);
  const x = Float32Array.from(draws(images, () => rng.uniform(-1.7, 1.7)));
  const y = target.dtype === "u32" ? Uint32Array.from(draws(target.shape, () => rng.int(10))) : Float32Array.from(draws(target.shape, () => rng.int(2)));
  return {
    step, data: [x, y],
    dispose() {
      step.dispose();
      optimizer.dispose();
      dispose(model);
      device.trim();
    },
  };
}
