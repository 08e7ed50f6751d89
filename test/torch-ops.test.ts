import { readFileSync } from "node:fs";
import {
  avgPool2d, backward, batchNorm, bce, bceWithLogits, conv2d, convTranspose2d, crossEntropy, dice, gelu, groupNorm, layerNorm, logSoftmax,
  maxPool2d, persistent, relu, sigmoid, silu, softmax, tanh, Tensor, tensor, upsample,
} from "@roentgen/tensor";
import { withDevice } from "@roentgen/tensor/testing/node";
import type { Device } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { channelsLast } from "./fixtures/torch/generate.ts";

interface HostArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

interface Case {
  readonly name: string;
  readonly options: Options & { readonly op: string };
  readonly inputs: Readonly<Record<string, HostArray>>;
  readonly y: HostArray;
  readonly dy: HostArray;
  /** By "d" and the input's name. */
  readonly gradients: Readonly<Record<string, HostArray>>;
}

interface Options {
  readonly kernel?: number;
  readonly stride?: number | readonly [number, number];
  readonly padding?: number | readonly [number, number];
  readonly outputPadding?: number;
  readonly dilation?: number | readonly [number, number];
  readonly groups?: number;
  readonly countIncludePad?: boolean;
  readonly ceilMode?: boolean;
  readonly size?: readonly [number, number];
  readonly scale?: number;
  readonly alignCorners?: boolean;
  readonly labelSmoothing?: number;
  readonly reduction?: "none" | "mean";
  readonly smooth?: number;
  readonly approximate?: "none" | "tanh";
  readonly eps?: number;
  readonly training?: boolean;
}

interface Running {
  readonly name: string;
  readonly momentum: number;
  readonly batches: readonly HostArray[];
  readonly states: readonly { readonly mean: number[]; readonly var: number[]; readonly batches: number }[];
}

type Group = "windows" | "losses" | "activations" | "norms";

const recorded = JSON.parse(readFileSync(new URL("./fixtures/torch/ops.json", import.meta.url), "utf8")) as Record<Group, Case[]> & { runningStatistics: Running[] };

/** Relative to the largest value, or to 1: small kernels of few terms, and exp and log where the driver has polynomials. */
const tolerance = 2e-5;

type Run = (inputs: Record<string, Tensor>, options: Options) => Tensor;

const given = (x: Tensor | undefined): Tensor => {
  if (!x) throw new Error("the fixture lacks an input of this op.");
  return x;
};
const ofX = (f: (x: Tensor) => Tensor): Run => ({ x }) => f(given(x));

const ops: Readonly<Record<string, Run>> = {
  conv2d: ({ x, w, b }, { stride, padding, dilation, groups }) => conv2d(given(x), given(w), given(b), window({ stride, padding, dilation, groups })),
  convTranspose2d: ({ x, w, b }, { stride, padding, outputPadding, dilation, groups }) => convTranspose2d(given(x), given(w), given(b), window({ stride, padding, outputPadding, dilation, groups })),
  avgPool2d: ({ x }, { kernel = 1, stride, padding, countIncludePad = true }) => avgPool2d(given(x), { kernel, countIncludePad, ...window({ stride, padding }) }),
  maxPool2d: ({ x }, { kernel = 1, stride, padding }) => maxPool2d(given(x), { kernel, ...window({ stride, padding }) }),
  upsampleBilinear: ({ x }, { size = [1, 1], alignCorners = false }) => upsample(given(x), { size, mode: "bilinear", alignCorners }),
  upsampleNearest: ({ x }, { scale = 1 }) => upsample(given(x), { scale, mode: "nearest" }),
  crossEntropy: ({ z, target }, { labelSmoothing = 0 }) => crossEntropy(given(z), given(target), { labelSmoothing }),
  bce: ({ p, target }) => bce(given(p), given(target)),
  bceOfSigmoid: ({ z, target }) => bce(sigmoid(given(z)), given(target)),
  bceWithLogits: ({ z, target }) => bceWithLogits(given(z), given(target)),
  dice: ({ p, target }, { smooth = 1 }) => dice(given(p), given(target), { smooth }),
  gelu: ({ x }, { approximate = "none" }) => gelu(given(x), { approximate }),
  relu: ofX(relu), silu: ofX(silu), sigmoid: ofX(sigmoid), tanh: ofX(tanh), softmax: ofX(softmax), logSoftmax: ofX(logSoftmax),
  layerNorm: ({ x, w, b }, { eps = 0 }) => layerNorm(given(x), given(w), given(b), { eps }),
  groupNorm: ({ x, w, b }, { eps = 0, groups = 1 }) => groupNorm(given(x), given(w), given(b), { groups, eps }),
  batchNorm: ({ x, w, b, mean, var: variance }, { eps = 0, training: train = true }) => batchNorm(given(x), given(w), given(b), { train, eps, running: statistics(given(x), mean, variance) }),
};

/** Options that are there: an absent one takes the op's default. */
function window<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function statistics(x: Tensor, mean?: Tensor, variance?: Tensor) {
  const channels = x.dim(-1);
  const made = (label: string, value: number) => {
    const state = persistent(x.device, [channels], label);
    state.write(new Float32Array(channels).fill(value));
    return state;
  };
  const count = persistent(x.device, [1], "count");
  count.write(Float32Array.of(0));
  return { mean: mean ?? made("mean", 0), variance: variance ?? made("variance", 1), count };
}

/** What the fixture covers and we do not have. */
const absent = ({ inputs, options }: Case): boolean => !(options.op in ops) || options.ceilMode === true || "weight" in inputs;

withDevice("defined as in PyTorch", (device) => {
  describe.each(["windows", "losses", "activations", "norms"] as const)("%s", (group) => {
    it.each(recorded[group].filter((c) => !absent(c)).map((c) => [c.name, c] as const))("%s", async (_, wanted) => {
      const parts = wanted.options.reduction === "none" ? elements(wanted) : [wanted];
      for (const part of parts) expect(await differences(device(), part)).toEqual([]);
    });
  });

  it.each(recorded.runningStatistics.map((r) => [r.name, r] as const))("%s", async (_, { momentum, batches, states }) => {
    const [first] = batches;
    if (!first) throw new Error("the fixture lacks batches.");
    const like = upload(device(), first);
    const running = statistics(like);
    const [weight, bias] = [tensor(device(), [1, 1]), tensor(device(), [0, 0])];
    for (const [i, batch] of batches.entries()) {
      batchNorm(upload(device(), batch), weight, bias, { running, train: true, momentum });
      expect(compare("mean", await running.mean.floats(), { shape: [2], data: states[i]?.mean ?? [] })).toEqual([]);
      expect(compare("variance", await running.variance.floats(), { shape: [2], data: states[i]?.var ?? [] })).toEqual([]);
      expect(await running.count.item()).toBe(states[i]?.batches);
    }
  });
});

/** Ours are means over all elements: a result that is not reduced is compared element by element, each a mean of one. */
function elements(whole: Case): Case[] {
  const one = (array: HostArray, i: number): HostArray => ({ shape: [1], data: [array.data[i] ?? NaN] });
  const each = (arrays: Readonly<Record<string, HostArray>>, i: number) => Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, one(array, i)]));
  return whole.y.data.map((_, i) => ({ ...whole, inputs: each(whole.inputs, i), y: one(whole.y, i), dy: one(whole.dy, i), gradients: each(whole.gradients, i) }));
}

function upload(device: Device, { shape, data }: HostArray, dtype: "f32" | "u32" = "f32"): Tensor {
  return tensor(device, dtype === "u32" ? Uint32Array.from(data) : inOurs({ shape, data }), ourShape(shape), dtype);
}

const ourShape = (shape: readonly number[]): readonly number[] => (shape.length === 4 ? [shape[0], shape[2], shape[3], shape[1]] : shape) as number[];

function inOurs({ shape, data }: HostArray): Float32Array {
  const values = Float32Array.from(data);
  return shape.length === 4 ? channelsLast(values, shape as [number, number, number, number]) : values;
}

async function differences(device: Device, { options, inputs, y, dy, gradients }: Case): Promise<string[]> {
  const isClasses = (name: string, array: HostArray) => options.op === "crossEntropy" && name === "target" && array.shape.length === 1;
  const tensors = Object.fromEntries(Object.entries(inputs).map(([name, array]) => [name, upload(device, array, isClasses(name, array) ? "u32" : "f32")]));
  for (const [name, x] of Object.entries(tensors)) x.trainable = `d${name}` in gradients;
  const posWeight = inputs.posWeight?.data;
  const run = posWeight ? () => bceWithLogits(given(tensors.z), given(tensors.target), { posWeight }) : (ops[options.op] as Run);
  const got = run(tensors, options);
  const seed = tensor(device, inOurs(dy), got.shape);
  const derived = backward(got, seed);
  const problems = compare("y", await got.floats(), y);
  for (const [name, wanted] of Object.entries(gradients)) {
    const dx = derived.get(given(tensors[name.slice(1)]));
    problems.push(...(dx ? compare(name, await dx.floats(), wanted) : [`${name}: there is no gradient`]));
  }
  return problems;
}

function compare(name: string, got: Float32Array, wanted: HostArray): string[] {
  const values = inOurs(wanted);
  if (got.length !== values.length) return [`${name}: ${got.length} elements, PyTorch has ${values.length}`];
  const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
  return [...values].flatMap((v, i) => (Math.abs(v - (got[i] ?? NaN)) <= tolerance * scale ? [] : [`${name}[${i}]: ${got[i]}, PyTorch has ${v}`]));
}
