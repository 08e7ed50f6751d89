// A model's tensors as checkpoints know them, and back: torchvision's names and OIHW filters outside, KRSC inside. The
// permutation happens here, at the door, and nowhere else.

import { CheckpointError, format, hostTensor, type HostTensor, sameShape, type Shape, type StateDict, stridesOf } from "@roentgen/core";
import type { Buffer } from "@roentgen/gpu";
import type { Module } from "./module.ts";
import type { FileLayout, Parameter } from "./parameter.ts";

/** Axis of the device's layout for each axis of the file's. */
const orders: Readonly<Record<FileLayout, readonly number[] | null>> = { same: null, oihw: [0, 3, 1, 2], iohw: [0, 3, 1, 2] };

/** The shape a parameter has in a checkpoint. */
export function fileShape({ shape, layout }: Parameter): Shape {
  const order = orders[layout];
  return order ? order.map((axis) => shape[axis] ?? 1) : shape;
}

const isCounter = (parameter: Parameter): boolean => parameter.path.endsWith("num_batches_tracked");

/** All tensors of a model, read back, in checkpoint names and layouts. */
export async function stateDict(model: Module): Promise<StateDict> {
  const contents = new Map<Buffer, ArrayBuffer>();
  const dict: StateDict = new Map();
  for (const parameter of model.parameters()) {
    const { buffer, offset } = parameter.tensor.buffer.root;
    let bytes = contents.get(buffer);
    if (!bytes) contents.set(buffer, (bytes = await parameter.tensor.device.read(buffer)));
    dict.set(parameter.path, toFile(parameter, new Float32Array(bytes, offset, parameter.size)));
  }
  return dict;
}

function toFile(parameter: Parameter, data: Float32Array): HostTensor {
  if (isCounter(parameter)) return hostTensor("i64", [], BigInt64Array.of(BigInt(data[0] ?? 0)));
  const order = orders[parameter.layout];
  return hostTensor("f32", fileShape(parameter), order ? permuted(data, parameter.shape, order) : data.slice());
}

export interface LoadOptions {
  /** Names that the file may lack and that keep their initial values: a new head. Default: none. */
  readonly mayMiss?: (path: string) => boolean;
  /** Names in the file that are passed over: an old head. Default: none. */
  readonly mayIgnore?: (path: string) => boolean;
  /** Who is speaking, for errors: the file's name. */
  readonly source?: string;
}

/** Writes a checkpoint into a model. Throws CheckpointError unless names and shapes agree exactly, but for what the options allow. */
export function loadStateDict(model: Module, dict: StateDict, { mayMiss = () => false, mayIgnore = () => false, source = "checkpoint" }: LoadOptions = {}): void {
  const parameters = new Map([...model.parameters()].map((p) => [p.path, p]));
  const missing = [...parameters.keys()].filter((path) => !dict.has(path) && !mayMiss(path) && !path.endsWith("num_batches_tracked"));
  const extra = [...dict.keys()].filter((path) => !parameters.has(path) && !mayIgnore(path));
  if (missing.length) throw new CheckpointError(`${source}: ${missing.length} tensors of the model are not in the file: ${some(missing)}. Is it a checkpoint of this architecture?`);
  if (extra.length) throw new CheckpointError(`${source}: ${extra.length} tensors of the file are not in the model: ${some(extra)}. Is it a checkpoint of this architecture?`);
  const pairs = [...parameters].flatMap(([path, parameter]) => {
    const tensor = dict.get(path);
    return tensor ? [{ path, parameter, tensor }] : [];
  });
  for (const { path, parameter, tensor } of pairs) {
    const wanted = fileShape(parameter);
    if (isCounter(parameter) ? tensor.data.length !== 1 : tensor.dtype !== "f32" || !sameShape(tensor.shape, wanted)) {
      throw new CheckpointError(`${source}: "${path}" is ${format(tensor.dtype, tensor.shape)} in the file, ${format("f32", wanted)} in the model.`);
    }
  }
  for (const { parameter, tensor } of pairs) parameter.tensor.write(fromFile(parameter, tensor));
}

function fromFile(parameter: Parameter, { data, shape }: HostTensor): Float32Array {
  if (isCounter(parameter)) return Float32Array.of(Number(data[0] ?? 0));
  const order = orders[parameter.layout];
  return order ? permuted(data as Float32Array, shape, inverse(order)) : (data as Float32Array);
}

const inverse = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis));

/** `data` of `shape`, with axis i of the result being axis order[i] of it. Four axes. */
function permuted(data: Float32Array, shape: Shape, order: readonly number[]): Float32Array {
  const from = stridesOf(shape);
  const [a = 1, b = 1, c = 1, d = 1] = order.map((axis) => shape[axis] ?? 1);
  const [sa = 0, sb = 0, sc = 0, sd = 0] = order.map((axis) => from[axis] ?? 0);
  const out = new Float32Array(data.length);
  let at = 0;
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) {
        const base = i * sa + j * sb + k * sc;
        for (let l = 0; l < d; l++) out[at++] = data[base + l * sd] as number;
      }
    }
  }
  return out;
}

const some = (names: readonly string[]): string => names.slice(0, 3).map((n) => `"${n}"`).join(", ") + (names.length > 3 ? ", ..." : "");
