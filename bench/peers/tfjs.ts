// TensorFlow.js (core and the WebGPU backend), in a process of its own: `tsx tfjs.ts`, requests on standard input.

import { createRequire } from "node:module";
import { type Shape } from "@roentgen/core";
import { adapterName, pretendToBeABrowser, quietly, toggles, watch } from "./dawn.ts";
import { initial, type Layers, network, weightsOf } from "./networks.ts";
import type { ConvWork, ModelName } from "./protocol.ts";
import { type Prepared, serve } from "./serve.ts";
import { integers, permuted, probeOf, values } from "./values.ts";

pretendToBeABrowser();
const require = createRequire(import.meta.url);
// The union package: tfjs-core alone registers no gradients in Node.
const tf = require("@tensorflow/tfjs");
require("@tensorflow/tfjs-backend-webgpu");
await tf.setBackend("webgpu");
await tf.ready();
const backend = tf.backend();

/** An opaque tensor of theirs. */
interface Tensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

const check = watch(backend.device);

const idle = async (): Promise<void> => {
  // As its own reads do; it has no public call for it.
  backend.endComputePassEncoder();
  if (backend.commandEncoder) backend.submitQueue();
  await quietly(backend.device.queue.onSubmittedWorkDone());
  check();
};

const upload = (data: Float32Array, shape: Shape): Tensor => tf.tensor(data, shape);
const read = async (tensor: Tensor): Promise<Float32Array> => quietly(tensor.data());
/** KRSC to RSCK. */
const filter = (data: Float32Array, shape: Shape): Tensor => upload(permuted(data, shape, [1, 2, 3, 0]), [1, 2, 3, 0].map((axis) => shape[axis] ?? 1));

/** One op on tensors that stay, repeated; the probe is of one run's result. */
function repeated(op: () => Tensor, held: readonly Tensor[], units: number, canonical: (data: Float32Array) => Float32Array = (data) => data): Prepared {
  return {
    async run() {
      for (let i = 0; i < units; i++) op().dispose();
      await idle();
    },
    async probe() {
      const result = op();
      const data = await read(result);
      result.dispose();
      return probeOf(canonical(data));
    },
    dispose: () => held.forEach((tensor) => tensor.dispose()),
  };
}

function conv({ direction, batch, side, inputs, outputs, kernel, stride, padding, result }: ConvWork, units: number): Prepared {
  const x = upload(values("x", [batch, side, side, inputs]), [batch, side, side, inputs]);
  const w = filter(values("w", [outputs, kernel, kernel, inputs]), [outputs, kernel, kernel, inputs]);
  const dy = upload(values("dy", [batch, result, result, outputs]), [batch, result, result, outputs]);
  const attributes = { strides: stride, pad: padding, dataFormat: "NHWC", dimRoundingMode: "floor" };
  const op = {
    forward: (): Tensor => tf.conv2d(x, w, stride, padding, "NHWC", 1, "floor"),
    // The kernels that the gradient of conv2d launches.
    dgrad: (): Tensor => tf.engine().runKernel("Conv2DBackpropInput", { dy, filter: w }, { ...attributes, inputShape: [batch, side, side, inputs] }),
    wgrad: (): Tensor => tf.engine().runKernel("Conv2DBackpropFilter", { x, dy }, { ...attributes, filterShape: [kernel, kernel, inputs, outputs] }),
  }[direction];
  return repeated(op, [x, w, dy], units, direction === "wgrad" ? (data) => permuted(data, [kernel, kernel, inputs, outputs], [3, 0, 1, 2]) : undefined);
}

/** The layers on variables, with running statistics kept where it trains. */
function layersOn(variables: ReadonlyMap<string, Tensor>, running: Map<string, { assign(value: Tensor): void } & Tensor>, train: boolean): Layers<Tensor> {
  const variable = (name: string): Tensor => variables.get(name) ?? missing(name);
  const statistic = (name: string, value: number, channels: number) => {
    let kept = running.get(name);
    if (!kept) running.set(name, (kept = tf.variable(tf.fill([channels], value), false) as { assign(value: Tensor): void } & Tensor));
    return kept;
  };
  return {
    conv(x, name, { kernel, stride, bias }) {
      const y = tf.conv2d(x, variable(`${name}.weight`), stride, kernel >> 1, "NHWC", 1, "floor");
      return bias ? tf.add(y, variable(`${name}.bias`)) : y;
    },
    norm(x, name, channels, { residual, relu = true } = {}) {
      const kept = { mean: statistic(`${name}.running_mean`, 0, channels), variance: statistic(`${name}.running_var`, 1, channels) };
      let used: { mean: Tensor; variance: Tensor } = kept;
      if (train) {
        used = tf.moments(x, [0, 1, 2]);
        for (const which of ["mean", "variance"] as const) kept[which].assign(tf.tidy(() => tf.add(tf.mul(kept[which], 0.9), tf.mul(used[which], 0.1))));
      }
      let y = tf.batchNorm(x, used.mean, used.variance, variable(`${name}.bias`), variable(`${name}.weight`), 1e-5);
      if (residual) y = tf.add(y, residual);
      return relu ? tf.relu(y) : y;
    },
    maxPool: (x) => tf.maxPool(x, 3, 2, 1, "floor"),
    mean: (x) => tf.mean(x, [1, 2]),
    linear: (x, name) => tf.add(tf.matMul(x, variable(`${name}.weight`), false, true), variable(`${name}.bias`)),
    upsample: (x) => tf.image.resizeNearestNeighbor(x, [2 * (x.shape[1] ?? 0), 2 * (x.shape[2] ?? 0)]),
    concat: (a, b) => tf.concat([a, b], 3),
  };
}

function missing(name: string): never {
  throw new Error(`internal: no variable ${name}.`);
}

function weights(model: ModelName): Map<string, Tensor> {
  return new Map(weightsOf(model).map((weight) => {
    const data = initial(weight);
    return [weight.name, tf.variable(weight.shape.length === 4 ? filter(data, weight.shape) : upload(data, weight.shape)) as Tensor];
  }));
}

await serve({ version: tf.version.tfjs, backend: await adapterName(), toggles }, {
  conv: async (work, units) => conv(work, units),
  async matmul({ n }, units) {
    const [a, b] = [upload(values("a", [n, n]), [n, n]), upload(values("b", [n, n]), [n, n])];
    return repeated(() => tf.matMul(a, b), [a, b], units);
  },
  async "batch-norm"({ batch, side, channels }, units) {
    const shape = [batch, side, side, channels];
    const held = { x: upload(values("x", shape), shape), dy: upload(values("dy", shape), shape), weight: upload(values("weight", [channels]), [channels]), bias: upload(values("bias", [channels]), [channels]) };
    const normed = (x: Tensor, weight: Tensor, bias: Tensor): Tensor => {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.relu(tf.batchNorm(x, mean, variance, bias, weight, 1e-5));
    };
    const gradients = tf.grads(normed);
    const op = (): Tensor => tf.tidy(() => (gradients([held.x, held.weight, held.bias], held.dy) as Tensor[])[0]);
    return repeated(op, Object.values(held), units);
  },
  async train({ model, batch, size }, units) {
    const variables = weights(model);
    const running = new Map<string, { assign(value: Tensor): void } & Tensor>();
    const layers = layersOn(variables, running, true);
    const shape = [batch, size, size, 3];
    const x = upload(values("images", shape, 1.7), shape);
    const target: Tensor = model === "resnet50"
      ? tf.oneHot(tf.tensor1d(Int32Array.from(integers("labels", [batch], 10)), "int32"), 10)
      : upload(Float32Array.from(integers("masks", [batch, size, size, 1], 2)), [batch, size, size, 1]);
    const optimizer = tf.train.adam(1e-4);
    const losses: number[] = [];
    return {
      losses,
      parameters: [...variables.values()].reduce((sum, { shape: dims }) => sum + dims.reduce((a, b) => a * b, 1), 0),
      async run() {
        const made: Tensor[] = Array.from({ length: units }, () => optimizer.minimize(() => {
          const y = network(layers, model, x);
          return model === "resnet50" ? tf.losses.softmaxCrossEntropy(target, y) : tf.losses.sigmoidCrossEntropy(target, y);
        }, true, [...variables.values()]));
        for (const loss of made) {
          losses.push((await read(loss))[0] ?? NaN);
          loss.dispose();
        }
        await idle();
      },
      dispose() {
        for (const tensor of [x, target, ...variables.values(), ...running.values()]) tensor.dispose();
        optimizer.dispose();
      },
    };
  },
  async infer({ model, batch, size }, units) {
    const variables = weights(model);
    const running = new Map<string, { assign(value: Tensor): void } & Tensor>();
    const layers = layersOn(variables, running, false);
    const x = upload(values("images", [batch, size, size, 3], 1.7), [batch, size, size, 3]);
    return repeated(() => tf.tidy(() => network(layers, model, x)), [x, ...variables.values()], units);
  },
});
