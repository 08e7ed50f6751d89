// A case of an op, and the check that every case goes through, in Node and in a browser alike: forward against a float64
// reference, gradients against central differences of that reference, eager against replay bit for bit, frozen inputs free.

import { fromHalf, Rng, type Shape, sizeOf, toHalf } from "@roentgen/core";
import { Device } from "@roentgen/gpu";
import { record, type Spec } from "../record.ts";
import { backward, type Gradients } from "../tape.ts";
import { Tensor, tensor, type TensorDType } from "../tensor.ts";
import { tolerances } from "./tolerances.ts";

/** A float64 tensor on the host: what references compute on. */
export interface Host64 {
  readonly shape: Shape;
  readonly data: Float64Array;
}

export const host64 = (shape: Shape, data = new Float64Array(sizeOf(shape))): Host64 => ({ shape, data });

export interface CaseInput {
  readonly shape: Shape;
  /** Values, or the range to draw them from (default [-1, 1]). */
  readonly values?: readonly number[];
  readonly range?: readonly [number, number];
  readonly dtype?: TensorDType;
  /** No gradient is wanted: labels, masks. Integer inputs never have one. */
  readonly fixed?: boolean;
}

export interface OpCase {
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  /** The op. It must be pure: state it writes must be made inside. */
  readonly run: (...inputs: Tensor[]) => Tensor;
  /** The same in float64, as plain loops. */
  readonly reference: (...inputs: Host64[]) => Host64;
  /** Relative to the largest reference value; default `tolerances.elementwise`. */
  readonly tolerance?: number;
  readonly gradientTolerance?: number;
  /** Gradients of this op come from one computation: freezing a single input saves nothing. */
  readonly sharedGradients?: boolean;
  /** Draws the inputs; default from the case's name. */
  readonly seed?: number;
}

/** Elements of an input whose gradient is checked by differences; more are sampled. */
const mostDifferences = 40;
const step = 1e-4;

/** The same case with every f32 input, or those that `which` names, in f16. */
export function halved(test: OpCase, which: (i: number) => boolean = () => true): OpCase {
  const inputs = test.inputs.map((input, i) => ((input.dtype ?? "f32") === "f32" && which(i) ? { ...input, dtype: "f16" as const } : input));
  const atLeast = (tolerance: number | undefined) => Math.max(tolerances.half, tolerance ?? 0);
  return { ...test, name: `${test.name}, f16`, inputs, tolerance: atLeast(test.tolerance), gradientTolerance: atLeast(test.gradientTolerance) };
}

/** The same device as one that lacks shader-f16: what it stores in f16 is packed in pairs. */
export const withoutHalf = (device: Device): Device =>
  new Device(device.gpu, { ...device.info, features: device.info.features.filter((name) => name !== "shader-f16") });

/** The same device as one whose barriers cost little: ops choose the kernels that they have for GPUs. */
export const likeGpu = (device: Device): Device => new Device(device.gpu, { ...device.info, software: false });

/** Runs one case and returns what is wrong, in words; an empty list is success. */
export async function runCase(device: Device, { thorough = true, ...options }: OpCase & { readonly thorough?: boolean }): Promise<string[]> {
  const test: OpCase = options;
  const rng = test.seed === undefined ? Rng.for(0, test.name) : Rng.for(test.seed, "case");
  const hosts = test.inputs.map((input) => drawn(input, rng));
  const wanted = test.reference(...hosts);
  const half = test.inputs.some(({ dtype }) => dtype === "f16");
  const probe = host64(wanted.shape, Float64Array.from({ length: wanted.data.length }, () => rounded(rng.uniform(-1, 1), half)));
  const problems: string[] = [];

  const eager = await values(device.scope(() => forwardAndBackward(test, hosts.map((h, i) => upload(device, h, test.inputs[i]?.dtype)), (dtype) => upload(device, probe, dtype))));
  if (eager.y.shape.join() !== wanted.shape.join()) return [`${test.name}: result is [${eager.y.shape}], reference is [${wanted.shape}]`];
  const off = difference(eager.y.data, wanted.data);
  const tolerance = test.tolerance ?? tolerances.elementwise;
  if (!(off.relative <= tolerance)) problems.push(`${test.name}: forward is off by ${off.relative.toExponential(2)} of the largest value (allowed ${tolerance}); at ${off.at}: ${off.got}, reference ${off.want}`);
  problems.push(...checkGradients(test, hosts, probe, eager.gradients, rng));
  problems.push(...(await checkReplay(device, test, hosts, probe, eager)));
  if (thorough) problems.push(...checkFrozen(device, test, hosts, { dtype: eager.dtype, shape: probe.shape }));
  for (const host of eager.tensors) host.dispose();
  return problems;
}

interface Outcome {
  readonly y: Tensor;
  readonly gradients: readonly (Tensor | null)[];
}

function forwardAndBackward(test: OpCase, inputs: Tensor[], seed: (dtype: TensorDType) => Tensor, frozen: ReadonlySet<number> = new Set()): Outcome {
  for (const [i, x] of inputs.entries()) x.trainable = differentiable(test.inputs[i]) && !frozen.has(i);
  const y = test.run(...inputs);
  const gradients: Gradients = y.node && inputs.some((x) => x.trainable) ? backward(y, seed(y.dtype)) : new Map();
  return { y, gradients: inputs.map((x) => gradients.get(x) ?? null) };
}

const isFloat = (dtype: TensorDType = "f32"): boolean => dtype === "f32" || dtype === "f16";

const differentiable = (input: CaseInput | undefined): boolean => !!input && !input.fixed && isFloat(input.dtype);

const rounded = (value: number, half: boolean): number => (half ? (fromHalf(toHalf([value]))[0] ?? NaN) : Math.fround(value));

function drawn(input: CaseInput, rng: Rng): Host64 {
  const [low, high] = input.range ?? [-1, 1];
  const whole = !isFloat(input.dtype);
  const round = (v: number) => rounded(v, input.dtype === "f16");
  const draw = () => (whole ? Math.floor(rng.uniform(low, high + 1)) : round(rng.uniform(low, high)));
  return host64(input.shape, input.values ? Float64Array.from(input.values, whole ? (v) => v : round) : Float64Array.from({ length: sizeOf(input.shape) }, draw));
}

function upload(device: Device, host: Host64, dtype: TensorDType = "f32"): Tensor {
  return tensor(device, Array.from(host.data), host.shape, dtype);
}

interface Values {
  readonly dtype: TensorDType;
  readonly y: { shape: Shape; data: Float32Array };
  readonly gradients: readonly (Float32Array | null)[];
  readonly tensors: readonly Tensor[];
}

async function values({ y, gradients }: Outcome): Promise<Values> {
  const [data, ...rest] = await Promise.all([y.floats(), ...gradients.map((g) => g?.floats() ?? null)]);
  return { dtype: y.dtype, y: { shape: y.shape, data: data as Float32Array }, gradients: rest, tensors: [y, ...gradients.filter((g) => g !== null)] };
}

function checkGradients(test: OpCase, hosts: readonly Host64[], probe: Host64, got: readonly (Float32Array | null)[], rng: Rng): string[] {
  const problems: string[] = [];
  const tolerance = test.gradientTolerance ?? Math.max(tolerances.reduction, test.tolerance ?? 0);
  const loss = () => test.reference(...hosts).data.reduce((sum, v, i) => sum + v * (probe.data[i] ?? 0), 0);
  for (const [i, host] of hosts.entries()) {
    if (!differentiable(test.inputs[i])) continue;
    const gradient = got[i];
    if (!gradient) {
      problems.push(`${test.name}: input ${i} got no gradient`);
      continue;
    }
    const all = host.data.length;
    const picks = all <= mostDifferences ? Array.from({ length: all }, (_, e) => e) : Array.from({ length: mostDifferences }, () => rng.int(all));
    const wanted = picks.map((e) => {
      const before = host.data[e] ?? 0;
      host.data[e] = before + step;
      const up = loss();
      host.data[e] = before - step;
      const down = loss();
      host.data[e] = before;
      return (up - down) / (2 * step);
    });
    const off = difference(picks.map((e) => gradient[e] ?? NaN), wanted);
    if (gradient.length !== all || !(off.relative <= tolerance)) {
      problems.push(`${test.name}: gradient of input ${i} is off by ${off.relative.toExponential(2)} (allowed ${tolerance}); at element ${picks[off.at]}: ${off.got}, by differences ${off.want}`);
    }
  }
  return problems;
}

async function checkReplay(device: Device, test: OpCase, hosts: readonly Host64[], probe: Host64, eager: Values): Promise<string[]> {
  const specs = test.inputs.map(({ shape, dtype }) => ({ shape, dtype: dtype ?? ("f32" as const) }));
  const replay = record(device, test.name, (seed, ...inputs) => forwardAndBackward(test, inputs, () => seed as Tensor), [{ dtype: eager.dtype, shape: probe.shape }, ...specs]);
  const problems: string[] = [];
  try {
    const data = hosts.map((h, i) => bytesOf(h, test.inputs[i]?.dtype));
    for (const round of [1, 2]) {
      const got = await values(replay.run(bytesOf(probe, eager.dtype), ...data));
      const same = identical(got.y.data, eager.y.data) && got.gradients.every((g, i) => identical(g, eager.gradients[i] ?? null));
      if (!same) problems.push(`${test.name}: replay ${round} differs from eager`);
    }
  } finally {
    replay.dispose();
  }
  return problems;
}

function bytesOf(host: Host64, dtype: TensorDType = "f32"): ArrayBufferView {
  if (dtype === "f16") return toHalf(host.data);
  const kinds = { f32: Float32Array, u32: Uint32Array, i32: Int32Array, u8: Uint8Array };
  return kinds[dtype].from(host.data);
}

/** Counts dispatches of recordings: freezing an input must give it no gradient and launch less. */
function checkFrozen(device: Device, test: OpCase, hosts: readonly Host64[], result: Spec): string[] {
  const trainable = hosts.map((_, i) => i).filter((i) => differentiable(test.inputs[i]));
  const count = (frozen: ReadonlySet<number>) => {
    const specs = test.inputs.map(({ shape, dtype }) => ({ shape, dtype: dtype ?? ("f32" as const) }));
    const made = record(device, test.name, (seed, ...inputs) => forwardAndBackward(test, inputs, () => seed as Tensor, frozen), [result, ...specs]);
    return { dispatches: made.plan.dispatches.length, gradients: made.plan.result.gradients };
  };
  const full = count(new Set());
  const problems: string[] = [];
  for (const i of trainable) {
    const frozen = count(new Set([i]));
    if (frozen.gradients[i]) problems.push(`${test.name}: frozen input ${i} still gets a gradient`);
    const free = frozen.dispatches < full.dispatches || full.gradients[i]?.buffer === full.gradients.find((_, j) => j !== i)?.buffer;
    if (!free && !test.sharedGradients && trainable.length > 1) problems.push(`${test.name}: freezing input ${i} launches as much as training it (${full.dispatches})`);
  }
  const none = count(new Set(trainable));
  if (trainable.length && none.gradients.some((g) => g !== null)) problems.push(`${test.name}: a frozen op returned gradients`);
  return problems;
}

function identical(a: Float32Array | null, b: Float32Array | null): boolean {
  if (!a || !b) return a === b;
  const [x, y] = [a, b].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length)) as [Uint32Array, Uint32Array];
  return x.length === y.length && x.every((word, i) => word === y[i]);
}

function difference(got: ArrayLike<number>, want: ArrayLike<number>): { relative: number; at: number; got: number; want: number } {
  let scale = 1;
  for (let i = 0; i < want.length; i++) scale = Math.max(scale, Math.abs(want[i] ?? 0));
  let [worst, at] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const off = Math.abs((got[i] ?? NaN) - (want[i] ?? NaN));
    if (!(off <= worst)) [worst, at] = [off, i];
    if (Number.isNaN(off)) break;
  }
  return { relative: worst / scale, at, got: got[at] ?? NaN, want: want[at] ?? NaN };
}
