import { architectureOf, type Numerics, torchvisionNumerics } from "@roentgen/checkpoints";
import type { StateDict } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { ResNet, type ResNetDepth } from "@roentgen/models";
import { loadStateDict, materialize } from "@roentgen/nn";
import { imageToFloat, type Tensor } from "@roentgen/tensor";
import { inUnitRange } from "./inits.ts";

export interface PretrainedOptions {
  /** Torchvision's names and layout, as `loadConverted` and `parseSafetensors` give them. */
  readonly tensors: StateDict;
  /** How the network computes and is fed. Default: as torchvision's. */
  readonly numerics?: Numerics | undefined;
  /** Outputs of a new head, drawn from `seed`; null: no head. Default: the file's own head if it has one, else none. */
  readonly classes?: number | null;
  /** Of a new head. Default 0. */
  readonly seed?: number;
  /** Who speaks in errors: the file's name. */
  readonly source?: string;
}

export interface Pretrained {
  /** On the device and in evaluation mode. It takes normalised images; give it back with nn's `dispose`. */
  readonly model: ResNet;
  /** Mean and SD of RGB in [0, 1], for `imageToFloat` and for batches. */
  readonly input: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Images u8[N,H,W,3] as they are -> logits f32[N,classes], or pooled features f32[N,channels] without a head. */
  readonly forward: (images: Tensor) => Tensor;
}

/**
 * A checkpoint as a network that computes as it was trained: its depth, stride, padding, epsilon and input are the file's.
 * @throws CheckpointError if the tensors make no ResNet-18, 34, 50, 101 or 152, or not exactly one
 */
export function loadPretrained(device: Device, options: PretrainedOptions): Pretrained {
  const { tensors, numerics = torchvisionNumerics, classes, seed = 0, source = "checkpoint" } = options;
  const { strideOn, padding, poolPadding = padding, bnEps } = numerics;
  const own = tensors.get("fc.weight")?.shape[0] ?? null;
  const isNew = typeof classes === "number";
  const model = new ResNet({ depth: depthOf(tensors, source), classes: classes === undefined ? own : classes, strideOn, padding, poolPadding, eps: bnEps, headInit: "normal" });
  const isHead = (path: string): boolean => path.startsWith("fc.");
  const kept = new Map([...tensors].filter(([path]) => classes === undefined || !isHead(path)));
  materialize(model, device, { seed, except: (path) => kept.has(path) });
  loadStateDict(model, kept, { mayMiss: (path) => isNew && isHead(path), source });
  model.eval();
  const input = inUnitRange(numerics.input);
  return { model, input, forward: (images) => model.forward(imageToFloat(images, input)) };
}

/** Throws CheckpointError if these are no ResNet's tensors with torchvision's names. */
export const depthOf = (tensors: StateDict, source: string): ResNetDepth => Number(architectureOf(new Set(tensors.keys()), source).name.slice("resnet".length)) as ResNetDepth;
