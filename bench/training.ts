import type { Device } from "@roentgen/gpu";
import { resnet, unet } from "@roentgen/models";
import { Adam, dispose, materialize, type Module } from "@roentgen/nn";
import { backward, bceWithLogits, crossEntropy, noGrad, record, spec, type Step, tensor, type Tensor } from "@roentgen/tensor";
import { type Shape, sizeOf } from "@roentgen/core";
import { initial } from "./peers/networks.ts";
import type { ModelName } from "./peers/protocol.ts";
import { integers, values } from "./peers/values.ts";

export interface Workload {
  readonly name: ModelName;
  readonly batch: number;
  readonly size: number;
}

export interface Training {
  readonly step: Step<Tensor>;
  /** What every run is given: images and labels, or nothing where these lie on the device. */
  readonly data: readonly (Float32Array | Uint32Array)[];
  /** Trained numbers. */
  readonly parameters: number;
  dispose(): void;
}

/** A model of ours with the weights that every engine begins with. */
function modelOn(device: Device, name: ModelName): Module & { forward(x: Tensor): Tensor } {
  const model = name === "resnet50" ? resnet({ depth: 50, classes: 10 }) : unet();
  const weights = [...(model as Module).parameters()].filter(({ kind }) => kind === "weight");
  const paths = new Set(weights.map(({ path }) => path));
  materialize<Module>(model, device, { seed: 1, except: (path) => paths.has(path) });
  for (const { path, shape, tensor } of weights) tensor.write(initial({ name: path, shape }));
  return model;
}

/** The images that every engine is given. */
export const images = (shape: Shape): Float32Array => values("images", shape, 1.7);

/**
 * A whole recorded training step with Adam: ResNet-50 with ten classes, or U-Net on a ResNet-50 with one mask.
 *
 * @param options.resident  images and labels stay on the device, as the peers' do; else each run uploads them
 */
export function training(device: Device, { name, batch, size }: Workload, { resident = false } = {}): Training {
  const shape: Shape = [batch, size, size, 3];
  const model = modelOn(device, name);
  const [target, lossOf] = name === "resnet50" ? [spec("u32", [batch]), crossEntropy] as const : [spec("f32", [batch, size, size, 1]), bceWithLogits] as const;
  const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
  const update = (x: Tensor, y: Tensor) => {
    const loss = lossOf(model.forward(x), y);
    optimizer.step(backward(loss));
    return loss;
  };
  const data = [images(shape), target.dtype === "u32" ? integers("labels", target.shape, 10) : Float32Array.from(integers("masks", target.shape, 2))] as const;
  const kept = resident ? [tensor(device, data[0], shape), tensor(device, data[1], target.shape, target.dtype)] as const : null;
  const label = `${name} step`;
  const step = kept ? record(device, label, () => update(...kept), []) : record(device, label, update, [spec("f32", shape), target]);
  return {
    step, data: kept ? [] : data,
    parameters: [...model.parameters()].filter(({ kind }) => kind === "weight").reduce((sum, p) => sum + sizeOf(p.shape), 0),
    dispose() {
      step.dispose();
      for (const input of kept ?? []) input.dispose();
      optimizer.dispose();
      dispose(model);
      device.trim();
    },
  };
}

/** A recorded forward pass in evaluation mode, of images that stay on the device. */
export function inference(device: Device, { name, batch, size }: Workload): { readonly step: Step<Tensor>; dispose(): void } {
  const model = modelOn(device, name);
  model.eval();
  const shape: Shape = [batch, size, size, 3];
  const x = tensor(device, images(shape), shape);
  const step = record(device, `${name} forward`, () => noGrad(() => model.forward(x)), []);
  return {
    step,
    dispose() {
      step.dispose();
      x.dispose();
      dispose(model);
      device.trim();
    },
  };
}
