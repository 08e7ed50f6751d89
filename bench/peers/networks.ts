// ResNet-50 (v1.5) and a U-Net on it, written once over whatever layers an engine offers, with the names and shapes of
// @roentgen/models. Not for our own engine: it runs the models themselves.

import { type Shape, sizeOf } from "@roentgen/core";
import type { ModelName } from "./protocol.ts";
import { values } from "./values.ts";

export interface ConvSpec {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly bias?: boolean;
}

/** Layers of an engine on its own kind of tensor. No call consumes its inputs. */
export interface Layers<T> {
  /** Padded by half the kernel. */
  conv(x: T, name: string, spec: ConvSpec): T;
  /** Batch norm, plus the residual, then ReLU unless it is turned off. */
  norm(x: T, name: string, channels: number, options?: { readonly residual?: T; readonly relu?: boolean }): T;
  /** 3x3, stride 2, padding 1. */
  maxPool(x: T): T;
  /** Over the image: [N, C]. */
  mean(x: T): T;
  linear(x: T, name: string, inputs: number, outputs: number): T;
  /** Nearest, twice as high and wide. */
  upsample(x: T): T;
  /** Along the channels. */
  concat(a: T, b: T): T;
}

const classes = 10;

/** The classes' scores, or one mask's logits. */
export function network<T>(layers: Layers<T>, model: ModelName, x: T): T {
  return model === "resnet50" ? resnet50(layers, x) : unet(layers, x);
}

function resnet50<T>(on: Layers<T>, x: T): T {
  return on.linear(on.mean(features(on, x, "").deepest), "fc", 2048, classes);
}

function features<T>(on: Layers<T>, x: T, prefix: string): { skips: T[]; deepest: T } {
  const skips = [on.norm(on.conv(x, `${prefix}conv1`, { inputs: 3, outputs: 64, kernel: 7, stride: 2 }), `${prefix}bn1`, 64)];
  let y = on.maxPool(skips[0] as T);
  let inputs = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    if (stage > 0) skips.push(y);
    for (let block = 0; block < blocks; block++) {
      const planes = 64 << stage;
      y = bottleneck(on, y, `${prefix}layer${stage + 1}.${block}.`, { inputs, planes, stride: stage > 0 && block === 0 ? 2 : 1 });
      inputs = 4 * planes;
    }
  }
  return { skips, deepest: y };
}

function bottleneck<T>(on: Layers<T>, x: T, prefix: string, { inputs, planes, stride }: { inputs: number; planes: number; stride: number }): T {
  const outputs = 4 * planes;
  let y = on.norm(on.conv(x, `${prefix}conv1`, { inputs, outputs: planes, kernel: 1, stride: 1 }), `${prefix}bn1`, planes);
  y = on.norm(on.conv(y, `${prefix}conv2`, { inputs: planes, outputs: planes, kernel: 3, stride }), `${prefix}bn2`, planes);
  y = on.conv(y, `${prefix}conv3`, { inputs: planes, outputs, kernel: 1, stride: 1 });
  const residual = inputs === outputs && stride === 1
    ? x
    : on.norm(on.conv(x, `${prefix}downsample.0`, { inputs, outputs, kernel: 1, stride }), `${prefix}downsample.1`, outputs, { relu: false });
  return on.norm(y, `${prefix}bn3`, outputs, { residual });
}

function unet<T>(on: Layers<T>, x: T): T {
  const { skips, deepest } = features(on, x, "encoder.");
  let [y, inputs] = [deepest, 2048];
  for (const [i, [skip, outputs]] of ([[1024, 256], [512, 128], [256, 64], [64, 32], [0, 16]] as const).entries()) {
    const prefix = `decoder.blocks.${i}.`;
    y = on.upsample(y);
    const other = skips.at(-1 - i);
    if (skip > 0 && other !== undefined) y = on.concat(y, other);
    y = on.norm(on.conv(y, `${prefix}conv1.0`, { inputs: inputs + skip, outputs, kernel: 3, stride: 1 }), `${prefix}conv1.1`, outputs);
    y = on.norm(on.conv(y, `${prefix}conv2.0`, { inputs: outputs, outputs, kernel: 3, stride: 1 }), `${prefix}conv2.1`, outputs);
    inputs = outputs;
  }
  return on.conv(y, "segmentation_head.0", { inputs: 16, outputs: 1, kernel: 3, stride: 1, bias: true });
}

/** A tensor of a network that is trained. Filters are KRSC, a linear layer's weight is [outputs, inputs]. */
export interface Weight {
  readonly name: string;
  readonly shape: Shape;
}

/** Every trained tensor, in the order in which it is used. */
export function weightsOf(model: ModelName): Weight[] {
  const weights: Weight[] = [];
  const add = (name: string, shape: Shape) => void weights.push({ name, shape });
  network<null>({
    conv(_, name, { inputs, outputs, kernel, bias }) {
      add(`${name}.weight`, [outputs, kernel, kernel, inputs]);
      if (bias) add(`${name}.bias`, [outputs]);
      return null;
    },
    norm(_, name, channels) {
      add(`${name}.weight`, [channels]);
      add(`${name}.bias`, [channels]);
      return null;
    },
    linear(_, name, inputs, outputs) {
      add(`${name}.weight`, [outputs, inputs]);
      add(`${name}.bias`, [outputs]);
      return null;
    },
    maxPool: () => null, mean: () => null, upsample: () => null, concat: () => null,
  }, model, null);
  return weights;
}

/**
 * The values all engines begin with: filters and matrices uniform within sqrt(6 / inputs summed over), so that signals keep
 * their size; scales one, shifts zero.
 */
export function initial({ name, shape }: Weight): Float32Array {
  const [outputs = 1] = shape;
  if (shape.length === 1) return new Float32Array(outputs).fill(name.endsWith(".weight") ? 1 : 0);
  return values(name, shape, Math.sqrt((6 * outputs) / sizeOf(shape)));
}
