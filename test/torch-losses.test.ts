// Losses and activations against what PyTorch computed: ties, saturation, clamps and smoothing, where definitions differ.

import { readFileSync } from "node:fs";
import type { Device } from "@roentgen/gpu";
import { backward, bce, bceWithLogits, crossEntropy, dice, gelu, logSoftmax, relu, sigmoid, silu, softmax, tanh, type Tensor, tensor } from "@roentgen/tensor";
import { tolerances } from "@roentgen/tensor/testing";
import { expect, it } from "vitest";
import { withDevice } from "@roentgen/tensor/testing/node";

interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

interface Case {
  readonly name: string;
  readonly options: { readonly op: string; readonly reduction?: string; readonly labelSmoothing?: number; readonly approximate?: "none" | "tanh"; readonly smooth?: number };
  readonly inputs: Readonly<Record<string, Values>>;
  readonly y: Values;
  readonly dy: Values;
  readonly gradients: Readonly<Record<string, Values>>;
}

const fixture = JSON.parse(readFileSync(new URL("./fixtures/torch/ops.json", import.meta.url), "utf8")) as { losses: Case[]; activations: Case[] };

/** What the fixture also holds and this engine does not offer: weights per class of crossEntropy or per element, two activations. */
const notOffered = ({ options, inputs }: Case): boolean => "weight" in inputs || ["softplus", "logSigmoid"].includes(options.op);

type Run = (x: Tensor, target: Tensor, test: Case) => Tensor;

const ops: Readonly<Record<string, Run>> = {
  bce: (p, target) => bce(p, target),
  bceOfSigmoid: (z, target) => bce(sigmoid(z), target),
  bceWithLogits: (z, target, { inputs }) => bceWithLogits(z, target, inputs.posWeight && { posWeight: inputs.posWeight.data }),
  crossEntropy: (z, target, { options: { labelSmoothing = 0 } }) => crossEntropy(z, target, { labelSmoothing }),
  dice: (p, target, { options: { smooth = 1 } }) => dice(p, target, { smooth }),
  gelu: (x, _, { options: { approximate = "none" } }) => gelu(x, { approximate }),
  relu: (x) => relu(x),
  sigmoid: (x) => sigmoid(x),
  silu: (x) => silu(x),
  softmax: (x) => softmax(x),
  logSoftmax: (x) => logSoftmax(x),
  tanh: (x) => tanh(x),
};

interface Result {
  readonly y: readonly number[];
  readonly dx: readonly number[];
}

async function evaluate(device: Device, test: Case, x: Values, target: Values | undefined, dy: Values): Promise<Result> {
  const input = tensor(device, x.data, x.shape);
  input.trainable = true;
  const goal = target ? tensor(device, target.data, target.shape, target.shape.length < x.shape.length ? "u32" : "f32") : input;
  const y = (ops[test.options.op] as Run)(input, goal, test);
  const dx = backward(y, tensor(device, dy.data, dy.shape)).get(input) as Tensor;
  const [values, slopes] = await Promise.all([y.floats(), dx.floats()]);
  return { y: [...values], dx: [...slopes] };
}

/** Where PyTorch gives one loss per element, each element is a batch of its own: the mean of one. */
async function run(device: Device, test: Case): Promise<Result> {
  const { target, ...others } = test.inputs;
  const x = Object.values(others)[0] as Values;
  if (test.options.reduction !== "none") return evaluate(device, test, x, target, test.dy);
  const one = (values: Values | undefined, i: number) => ({ shape: [], data: [values?.data[i] ?? NaN] });
  const each: Result[] = [];
  for (const i of x.data.keys()) each.push(await evaluate(device, test, one(x, i), one(target, i), one(test.dy, i)));
  return { y: each.flatMap(({ y }) => y), dx: each.flatMap(({ dx }) => dx) };
}

/** The largest distance, each relative to the wanted value or 1. */
const distance = (got: readonly number[], want: Values): number => {
  expect(got.length).toBe(want.data.length);
  return Math.max(...want.data.map((v, i) => Math.abs((got[i] ?? NaN) - v) / Math.max(1, Math.abs(v))));
};

const cases = [...fixture.losses, ...fixture.activations].filter((test) => !notOffered(test));

it("every definition in the fixture has an op, or is listed as not offered", () => {
  expect(cases.filter(({ options }) => !(options.op in ops))).toEqual([]);
});

withDevice("PyTorch", (device) => {
  it.each(cases.map((test) => [test.name, test] as const))("agrees on %s", async (_, test) => {
    const { y, dx } = await run(device(), test);
    expect(distance(y, test.y)).toBeLessThanOrEqual(tolerances.transcendental);
    expect(distance(dx, Object.values(test.gradients)[0] as Values)).toBeLessThanOrEqual(tolerances.transcendental);
  });
});
