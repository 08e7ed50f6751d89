import { ConfigError, type StateDict } from "@roentgen/core";
import type { Numerics } from "@roentgen/checkpoints";
import type { Device } from "@roentgen/gpu";
import { ResNet, UNet } from "@roentgen/models";
import { Adam, AdamW, loadStateDict, type LossScale, materialize, Sgd, schedule, type Schedule } from "@roentgen/nn";
import type { ModelConfig, TaskConfig } from "./config.ts";
import type { LoadedInit } from "./inits.ts";
import { depthOf } from "./load-pretrained.ts";

export type Model = ResNet | UNet;
export type AnyOptimizer = Adam | Sgd;

const isHead = (path: string): boolean => path.startsWith("fc.");

/** A model as the configuration says, on the device, with its first weights. A classifier's head is always new, N(0, 0.01). */
export function buildModel(device: Device, config: ModelConfig, classes: number, init: LoadedInit, seed: number, name: string): Model {
  checkWeights(config, init, name);
  const model = networkOf(config, classes);
  if (config.freezeStages !== null) (model instanceof UNet ? model.encoder : model).freezeStages(config.freezeStages);
  const weights = init.kind === "weights" ? backbone(init.tensors, model instanceof UNet ? "encoder." : "") : new Map();
  materialize(model, device, { seed, except: (path) => weights.has(path) });
  if (init.kind === "weights") {
    const isNew = (path: string) => (model instanceof UNet ? !path.startsWith("encoder.") : isHead(path));
    loadStateDict(model, weights, { mayMiss: isNew, source: name });
  }
  return model;
}

/** The network that a configuration names, without memory. */
export function networkOf({ kind, depth, strideOn, padding, poolPadding = padding, eps }: Omit<ModelConfig, "freezeStages">, classes: number): Model {
  const encoder = { depth, strideOn, padding, poolPadding, eps };
  return kind === "resnet" ? new ResNet({ ...encoder, classes, headInit: "normal" }) : new UNet({ encoder, classes });
}

/** A checkpoint without its classifier, or a U-Net's encoder, under the names it has inside the model. */
function backbone(tensors: StateDict, prefix: string): StateDict {
  return new Map([...resnetIn(tensors)].filter(([path]) => !isHead(path)).map(([path, tensor]) => [prefix + path, tensor]));
}

/** A ResNet's tensors, or those of a U-Net's encoder, under a ResNet's names. */
function resnetIn(tensors: StateDict): StateDict {
  const within = tensors.has("conv1.weight") ? "" : "encoder.";
  return new Map([...tensors].filter(([path]) => path.startsWith(within)).map(([path, tensor]) => [path.slice(within.length), tensor] as const));
}

/** Throws ConfigError for weights of another network than the configuration's, with what to set. */
export function checkWeights(config: ModelConfig, init: LoadedInit, name: string): void {
  if (init.kind !== "weights") return;
  checkNumerics(config, init.numerics, name);
  const depth = depthOf(resnetIn(init.tensors), name);
  if (depth !== config.depth) throw new ConfigError(`${name}: these weights are of a ResNet-${depth}, the task's model is a ResNet-${config.depth}. Set model.depth: ${depth}.`);
}

function checkNumerics(config: ModelConfig, numerics: Numerics | undefined, name: string): void {
  if (!numerics) return;
  const pairs = [["strideOn", config.strideOn, numerics.strideOn], ["padding", config.padding, numerics.padding], ["poolPadding", config.poolPadding ?? config.padding, numerics.poolPadding ?? numerics.padding], ["eps", config.eps, numerics.bnEps]] as const;
  for (const [field, asked, trained] of pairs) {
    if (asked !== trained) throw new ConfigError(`${name}: these weights were trained with ${field} ${trained}, the task's model has ${asked}. Set model.${field}: ${trained} for the whole task, so that all initialisations share one network.`);
  }
}

export function buildOptimizer(model: Model, { optimizer: o }: TaskConfig, lossScale?: LossScale): AnyOptimizer {
  const common = { lr: o.lr, weightDecay: o.weightDecay, lossScale, ...(o.maxGradNorm === null ? {} : { maxGradNorm: o.maxGradNorm }) };
  switch (o.kind) {
    case "adam":
      return new Adam(model.parameters(), common);
    case "adamw":
      return new AdamW(model.parameters(), common);
    case "sgd":
      return new Sgd(model.parameters(), { ...common, momentum: o.momentum, nesterov: o.nesterov });
    default:
      return o.kind satisfies never;
  }
}

export function buildSchedule({ optimizer: { lr }, schedule: s, epochs }: TaskConfig): Schedule {
  const total = s.total ?? epochs;
  const kinds: Record<typeof s.kind, () => Schedule> = {
    constant: () => schedule.constant(lr),
    cosine: () => schedule.cosine(lr, { total, lag: s.lag }),
    linear: () => schedule.linear(lr, { total }),
    step: () => schedule.step(lr, { every: s.every, factor: s.factor }),
    plateau: () => schedule.plateau(lr, { factor: s.factor, patience: s.patience }),
  };
  const main = kinds[s.kind]();
  return s.warmUpEpochs > 0 ? schedule.warmUp(main, { epochs: s.warmUpEpochs }) : main;
}
