// jax-js on WebGPU, in a process of its own: `tsx jax.ts`, requests on standard input. Everything is compiled by its `jit`, the
// whole training step too: that is how it is fastest.

import { type Shape } from "@roentgen/core";
import { readFileSync } from "node:fs";
import { adapterName, pretendToBeABrowser, quietly, toggles, watch } from "./dawn.ts";
import { initial, type Layers, network, weightsOf } from "./networks.ts";
import type { ConvWork, ModelName } from "./protocol.ts";
import { type Prepared, serve } from "./serve.ts";
import { integers, permuted, probeOf, values } from "./values.ts";

pretendToBeABrowser();
const { defaultDevice, getWebGPUDevice, init, blockUntilReady, jit, lax, nn, numpy: np, valueAndGrad, vjp } = await import("@jax-js/jax");
const { version } = JSON.parse(readFileSync(new URL("./node_modules/@jax-js/jax/package.json", import.meta.url), "utf8")) as { version: string };
if (!(await init("webgpu")).includes("webgpu")) throw new Error("jax-js found no WebGPU.");
defaultDevice("webgpu");
const check = watch(getWebGPUDevice() as GPUDevice);

/** An opaque array of theirs. Passing one gives it away; `ref` keeps it. */
interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  neg(): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(order?: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}
type Named = Record<string, JaxArray>;

const upload = (data: Float32Array, shape: Shape): JaxArray => np.array(data).reshape([...shape]);
/** NHWC to NCHW, and KRSC to KCRS. */
const channelsFirst = (data: Float32Array, [n = 1, h = 1, w = 1, c = 1]: Shape): JaxArray => upload(permuted(data, [n, h, w, c], [0, 3, 1, 2]), [n, c, h, w]);
/** And back. */
const channelsLast = (data: Float32Array, [n = 1, c = 1, h = 1, w = 1]: Shape): Float32Array => permuted(data, [n, c, h, w], [0, 2, 3, 1]);

const idle = async (results: unknown): Promise<void> => {
  await quietly(blockUntilReady(results));
  check();
};

/** A compiled function of arrays that stay, repeated. It gives all that it must compute; the first is probed. */
function repeated(op: (...args: JaxArray[]) => JaxArray[], held: readonly JaxArray[], units: number, canonical: (data: Float32Array, shape: Shape) => Float32Array = (data) => data): Prepared {
  const compiled = jit(op) as ((...args: JaxArray[]) => JaxArray[]) & { dispose(): void };
  const once = () => compiled(...held.map((array) => array.ref));
  const release = (results: readonly JaxArray[]) => results.forEach((array) => array.dispose());
  return {
    async run() {
      // It runs nothing before it must: what is given back before it was waited for would never be computed.
      const made = Array.from({ length: units }, once);
      await idle(made);
      made.forEach(release);
    },
    async probe() {
      const [result, ...rest] = once();
      release(rest);
      const shape = [...(result?.shape ?? [])];
      return probeOf(canonical(await quietly(result?.data() ?? Promise.reject(new Error("internal: no result."))), shape));
    },
    dispose() {
      compiled.dispose();
      for (const array of held) array.dispose();
    },
  };
}

const convolution = (x: JaxArray, w: JaxArray, stride: number, padding: number): JaxArray =>
  lax.convGeneralDilated(x, w, [stride, stride], [[padding, padding], [padding, padding]]);

function conv({ direction, batch, side, inputs, outputs, kernel, stride, padding, result }: ConvWork, units: number): Prepared {
  const x = channelsFirst(values("x", [batch, side, side, inputs]), [batch, side, side, inputs]);
  const w = channelsFirst(values("w", [outputs, kernel, kernel, inputs]), [outputs, kernel, kernel, inputs]);
  const dy = channelsFirst(values("dy", [batch, result, result, outputs]), [batch, result, result, outputs]);
  // The unused forward pass of a gradient falls away when it is compiled.
  const pulledBack = (of: (it: JaxArray) => JaxArray, at: JaxArray, cotangent: JaxArray): JaxArray => {
    const [y, back] = vjp(of, [at]);
    y.dispose();
    const [gradient] = back(cotangent);
    back.dispose();
    return gradient;
  };
  if (direction === "forward") return repeated((a, b) => [convolution(a as JaxArray, b as JaxArray, stride, padding)], [x, w], units, channelsLast);
  if (direction === "dgrad") return repeated((a, b, g) => [pulledBack((it) => convolution(it, b as JaxArray, stride, padding), a as JaxArray, g as JaxArray)], [x, w, dy], units, channelsLast);
  return repeated((a, b, g) => [pulledBack((it) => convolution(a as JaxArray, it, stride, padding), b as JaxArray, g as JaxArray)], [x, w, dy], units, channelsLast);
}

/** Batch norm in training, or with the statistics given; [N, C, H, W]. */
function normed(x: JaxArray, weight: JaxArray, bias: JaxArray, given?: { mean: JaxArray; variance: JaxArray }): { y: JaxArray; mean: JaxArray; variance: JaxArray } {
  const broad = (v: JaxArray) => v.ref.reshape([1, -1, 1, 1]);
  const mean: JaxArray = given?.mean ?? np.mean(x.ref, [0, 2, 3]);
  const centred = x.ref.sub(broad(mean));
  const variance: JaxArray = given?.variance ?? np.mean(np.square(centred.ref), [0, 2, 3]);
  const scale: JaxArray = weight.ref.div(np.sqrt(variance.ref.add(1e-5)));
  return { y: centred.mul(broad(scale)).add(broad(bias)), mean, variance };
}

/** `running` collects what batch norms keep; without it they take mean 0 and variance 1 as they were kept at the start. */
function layersOn(weights: Named, state: Named, updated: Named | null): Layers<JaxArray> {
  const of = (from: Named, name: string): JaxArray => {
    const array = from[name];
    if (!array) throw new Error(`internal: no array ${name}.`);
    return array;
  };
  return {
    conv(x, name, { kernel, stride, bias }) {
      const y = convolution(x.ref, of(weights, `${name}.weight`).ref, stride, kernel >> 1);
      return bias ? y.add(of(weights, `${name}.bias`).ref.reshape([1, -1, 1, 1])) : y;
    },
    norm(x, name, _, { residual, relu = true } = {}) {
      const [keptMean, keptVariance] = [of(state, `${name}.running_mean`), of(state, `${name}.running_var`)];
      const made = normed(x, of(weights, `${name}.weight`), of(weights, `${name}.bias`), updated ? undefined : { mean: keptMean, variance: keptVariance });
      if (updated) {
        updated[`${name}.running_mean`] = keptMean.ref.mul(0.9).add(lax.stopGradient(made.mean.ref).mul(0.1));
        updated[`${name}.running_var`] = keptVariance.ref.mul(0.9).add(lax.stopGradient(made.variance.ref).mul(0.1));
      }
      const y = residual ? made.y.add(residual.ref) : made.y;
      return relu ? nn.relu(y) : y;
    },
    // What comes here is never negative, so zeros pad as well as minus infinity.
    maxPool: (x) => lax.reduceWindow(np.pad(x.ref, [[0, 0], [0, 0], [1, 1], [1, 1]]), (window: JaxArray) => np.max(window), [3, 3], [2, 2]),
    mean: (x) => np.mean(x.ref, [2, 3]),
    linear: (x, name) => np.matmul(x.ref, of(weights, `${name}.weight`).ref.transpose()).add(of(weights, `${name}.bias`).ref),
    upsample(x) {
      const [n = 1, c = 1, h = 1, w = 1] = x.shape;
      return np.broadcastTo(x.ref.reshape([n, c, h, 1, w, 1]), [n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w]);
    },
    concat: (a, b) => np.concatenate([a.ref, b.ref], 1),
  };
}

const weightsFor = (model: ModelName): Named => Object.fromEntries(weightsOf(model).map((weight) => {
  const data = initial(weight);
  return [weight.name, weight.shape.length === 4 ? channelsFirst(data, weight.shape) : upload(data, weight.shape)];
}));

const zerosLike = (named: Named): Named => Object.fromEntries(Object.entries(named).map(([name, { shape }]) => [name, np.zeros(shape)]));

/** Batch norms are the weights of one axis that are not a layer's bias, each with a shift beside it. */
const stateFor = (model: ModelName): Named => Object.fromEntries(weightsOf(model).flatMap(({ name, shape }) =>
  shape.length === 1 && name.endsWith(".weight") ? [[name.replace(/weight$/, "running_mean"), np.zeros([...shape])], [name.replace(/weight$/, "running_var"), np.ones([...shape])]] : []));

const refs = (named: Named): Named => Object.fromEntries(Object.entries(named).map(([name, array]) => [name, array.ref]));
const disposeAll = (named: Named): void => Object.values(named).forEach((array) => array.dispose());

const lossOf = (model: ModelName, y: JaxArray, target: JaxArray): JaxArray => model === "resnet50"
  ? np.mean(np.sum(target.mul(nn.logSoftmax(y, -1)), -1)).neg()
  : np.mean(nn.softplus(y.ref).sub(target.mul(y)));

interface TrainState { readonly weights: Named; readonly first: Named; readonly second: Named; readonly state: Named; readonly corrections: JaxArray }

await serve({ version, backend: await adapterName(), toggles }, {
  conv: async (work, units) => conv(work, units),
  async matmul({ n }, units) {
    const [a, b] = [upload(values("a", [n, n]), [n, n]), upload(values("b", [n, n]), [n, n])];
    return repeated((p, q) => [np.matmul(p, q)], [a, b], units);
  },
  async "batch-norm"({ batch, side, channels }, units) {
    const shape = [batch, side, side, channels];
    const [x, dy] = [channelsFirst(values("x", shape), shape), channelsFirst(values("dy", shape), shape)];
    const [weight, bias] = [upload(values("weight", [channels]), [channels]), upload(values("bias", [channels]), [channels])];
    return repeated((a, w, b, g) => {
      const [y, back] = vjp((it: JaxArray, scale: JaxArray, shift: JaxArray) => nn.relu(normed(it, scale, shift).y), [a, w, b]);
      const gradients = back(g) as JaxArray[];
      back.dispose();
      return [...gradients, y];
    }, [x, weight, bias, dy], units, channelsLast);
  },
  async train({ model, batch, size }, units) {
    const weights = weightsFor(model);
    let now: TrainState = { weights, first: zerosLike(weights), second: zerosLike(weights), state: stateFor(model), corrections: np.ones([2]) };
    const shape = [batch, size, size, 3];
    const x = channelsFirst(values("images", shape, 1.7), shape);
    const labels = model === "resnet50" ? integers("labels", [batch], 10) : integers("masks", [batch, size, size, 1], 2);
    const target = model === "resnet50"
      ? upload(Float32Array.from({ length: batch * 10 }, (_, i) => (labels[Math.floor(i / 10)] === i % 10 ? 1 : 0)), [batch, 10])
      : channelsFirst(Float32Array.from(labels), [batch, size, size, 1]);
    const forward = (given: Named, kept: Named, images: JaxArray, wanted: JaxArray): [JaxArray, Named] => {
      const updated: Named = {};
      return [lossOf(model, network(layersOn(given, kept, updated), model, images), wanted), updated];
    };
    const [b1, b2] = [0.9, 0.999];
    const step = jit(({ weights: w, first, second, state, corrections }: TrainState, images: JaxArray, wanted: JaxArray): [JaxArray, TrainState] => {
      const [[loss, updated], gradients] = valueAndGrad(forward, { hasAux: true })(refs(w), state, images, wanted) as [[JaxArray, Named], Named];
      const decayed: JaxArray = corrections.mul(np.array([b1, b2]));
      const [c1, c2] = [np.sum(decayed.ref.mul(np.array([1, 0]))), np.sum(decayed.ref.mul(np.array([0, 1])))] as [JaxArray, JaxArray];
      const next: { weights: Named; first: Named; second: Named } = { weights: {}, first: {}, second: {} };
      for (const [name, gradient] of Object.entries(gradients)) {
        const [m, v, p] = [first[name], second[name], w[name]] as [JaxArray, JaxArray, JaxArray];
        const m1 = m.mul(b1).add(gradient.ref.mul(1 - b1));
        const v1 = v.mul(b2).add(np.square(gradient).mul(1 - b2));
        const [size1, size2]: [JaxArray, JaxArray] = [m1.ref.div(c1.ref.neg().add(1)), v1.ref.div(c2.ref.neg().add(1))];
        next.weights[name] = p.sub(size1.div(np.sqrt(size2).add(1e-8)).mul(1e-4));
        next.first[name] = m1;
        next.second[name] = v1;
      }
      return [loss, { ...next, state: updated, corrections: decayed }];
    }) as ((now: TrainState, images: JaxArray, wanted: JaxArray) => [JaxArray, TrainState]) & { dispose(): void };
    const losses: number[] = [];
    return {
      losses,
      parameters: Object.values(weights).reduce((sum, { shape: dims }) => sum + dims.reduce((a, b) => a * b, 1), 0),
      async run() {
        const made: JaxArray[] = [];
        for (let i = 0; i < units; i++) {
          const [loss, next] = step(now, x.ref, target.ref);
          now = next;
          made.push(loss);
        }
        await quietly(blockUntilReady(now.weights));
        for (const loss of made) losses.push((await quietly(loss.data()))[0] ?? NaN);
        check();
      },
      dispose() {
        step.dispose();
        for (const named of [now.weights, now.first, now.second, now.state]) disposeAll(named);
        for (const array of [x, target, now.corrections]) array.dispose();
      },
    };
  },
  async infer({ model, batch, size }, units) {
    const [weights, state] = [weightsFor(model), stateFor(model)];
    const shape = [batch, size, size, 3];
    const x = channelsFirst(values("images", shape, 1.7), shape);
    const names = [Object.keys(weights), Object.keys(state)] as const;
    const held = [x, ...Object.values(weights), ...Object.values(state)];
    return repeated((images, ...rest) => {
      const named = (keys: readonly string[], from: number): Named => Object.fromEntries(keys.map((key, i) => [key, rest[from + i] as JaxArray]));
      return [network(layersOn(named(names[0], 0), named(names[1], names[0].length), null), model, images as JaxArray)];
    }, held, units);
  },
});
