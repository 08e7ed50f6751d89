// Runs a model of test/fixtures/torch as its script ran it in PyTorch: the same generated weights and batch, ten steps of Adam
// through one recorded plan, and hands back what the fixture holds of it.

import { hostTensor, type StateDict } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { type ResNet, resnet, type UNet, unet } from "@roentgen/models";
import { Adam, dispose, fileShape, loadStateDict, materialize, type Parameter, stateDict } from "@roentgen/nn";
import { backward, bceWithLogits, crossEntropy, dice, noGrad, record, sigmoid, spec, type Tensor } from "@roentgen/tensor";
import { channelsLast, type Digest, digest, generated, type ModelFixture, type ModelName } from "./fixtures/torch/generate.ts";

export interface Outcome {
  readonly losses: readonly number[];
  readonly evalLoss: number;
  /** In PyTorch's layout. */
  readonly logits: Float32Array;
  readonly gradients: ReadonlyMap<string, Digest>;
  readonly running: ReadonlyMap<string, Digest>;
  readonly batchesTracked: number;
}

const builders: Readonly<Record<ModelName, () => ResNet | UNet>> = {
  resnet50: () => resnet({ depth: 50, classes: 5 }),
  resnet18: () => resnet({ depth: 18, classes: 6 }),
  "resnet50-v1-eval": () => resnet({ depth: 50, classes: 5, strideOn: "1x1", eps: 1e-3 }),
  "unet-bce": () => unet(),
  "unet-dice": () => unet(),
};

/** Ten steps on the fixture's batch; gradients, logits and statistics are those of the first. */
export async function runFixture(device: Device, name: ModelName, fixture: ModelFixture): Promise<Outcome> {
  const model = materialize(builders[name](), device, { seed: 0, except: () => true });
  loadStateDict(model, weightsOf(fixture), { source: name });
  model.train(fixture.case.mode === "train");
  const optimizer = new Adam(model.parameters(), { lr: fixture.case.lr });
  const [x, y] = batchOf(fixture);
  const trained = [...model.parameters()].filter((p) => p.trainable);
  const specs = [spec("f32", x.shape), spec(y.dtype, y.shape)];
  const step = record(device, name, (images, target) => {
    const logits = model.forward(images);
    const loss = lossOf(fixture, logits, target);
    const gradients = backward(loss);
    optimizer.step(gradients);
    return { logits, loss, gradients: trained.map((p) => gradients.get(p.tensor) as Tensor) };
  }, specs);

  const first = step.run(x.data, y.data);
  const losses = [await first.loss.item()];
  const logits = channelsFirst(await first.logits.floats(), first.logits.shape);
  const gradients = new Map<string, Digest>();
  for (const [i, parameter] of trained.entries()) gradients.set(parameter.path, digestOf(parameter, await (first.gradients[i] as Tensor).floats()));
  const running = new Map<string, Digest>();
  let batchesTracked = 0;
  for (const [path, { data, shape }] of await stateDict(model)) {
    if (path.endsWith("num_batches_tracked")) batchesTracked = Number(data[0]);
    else if (path.includes(".running_")) running.set(path, digest(path, shape, data as Float32Array));
  }
  while (losses.length < fixture.losses.f64.length) losses.push(await step.run(x.data, y.data).loss.item());
  step.dispose();

  model.eval();
  const evaluation = record(device, `${name} eval`, (images, target) => noGrad(() => lossOf(fixture, model.forward(images), target)), specs);
  const evalLoss = await evaluation.run(x.data, y.data).item();
  evaluation.dispose();
  optimizer.dispose();
  dispose(model);
  device.trim();
  return { losses, evalLoss, logits, gradients, running, batchesTracked };
}

function weightsOf({ tensors, case: { gain } }: ModelFixture): StateDict {
  return new Map(tensors.map(([name, shape, kind]) => [name, hostTensor("f32", shape, generated(name, shape, kind, { gain }))]));
}

interface HostData {
  readonly dtype: "f32" | "u32";
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint32Array;
}

function batchOf({ case: { input, inputName }, target }: ModelFixture): [HostData & { dtype: "f32" }, HostData] {
  const [n, c, h, w] = input;
  const x = { dtype: "f32", shape: [n, h, w, c], data: channelsLast(generated(inputName, input, "input"), input) } as const;
  if (!target) return [x, { dtype: "f32", shape: [n, h, w, 1], data: generated("target", [n, 1, h, w], "mask") }];
  const labels = target.flat();
  if (Array.isArray(target[0])) return [x, { dtype: "f32", shape: [n, labels.length / n], data: Float32Array.from(labels) }];
  return [x, { dtype: "u32", shape: [n], data: Uint32Array.from(labels) }];
}

function lossOf({ case: { loss } }: ModelFixture, logits: Tensor, target: Tensor): Tensor {
  switch (loss) {
    case "cross-entropy":
      return crossEntropy(logits, target);
    case "bce-with-logits":
      return bceWithLogits(logits, target);
    case "dice":
      return dice(sigmoid(logits), target);
    default:
      return loss satisfies never;
  }
}

/** NHWC to NCHW and KRSC to OIHW: the last axis of four goes second. */
function channelsFirst(data: Float32Array, shape: readonly number[]): Float32Array {
  const [n = 1, h = 1, w = 1, c = 1] = shape;
  return shape.length === 4 ? channelsLast(data, [n, h * w, c, 1]) : data;
}

function digestOf(parameter: Parameter, data: Float32Array): Digest {
  return digest(parameter.path, fileShape(parameter), channelsFirst(data, parameter.shape));
}
