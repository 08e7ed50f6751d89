// Models for ONNX Runtime, written as bytes: the few fields of onnx.proto3 (github.com/onnx/onnx/blob/main/onnx/onnx.proto3) that
// a graph of float32 layers needs. Operator set 17, images [N, C, H, W].

import { type Shape } from "@roentgen/core";
import { initial, type Layers, network, weightsOf } from "./networks.ts";
import type { ModelName } from "./protocol.ts";
import { permuted } from "./values.ts";

type Field = Uint8Array;

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
};
const integer = (field: number, value: number): Field => Uint8Array.from([...varint(field << 3), ...varint(value)]);
const single = (field: number, value: number): Field => Uint8Array.from([...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)]);
const bytes = (field: number, value: Uint8Array): Field => join([Uint8Array.from([...varint((field << 3) | 2), ...varint(value.length)]), value]);
const text = (field: number, value: string): Field => bytes(field, new TextEncoder().encode(value));
const message = (field: number, fields: readonly Field[]): Field => bytes(field, join(fields));

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

type Attribute = number | readonly number[] | { readonly float: number };

/** AttributeProto: 1 name, 2 f, 3 i, 8 ints, 20 type (1 float, 2 int, 7 ints). */
function attribute(name: string, value: Attribute): Field {
  if (typeof value === "number") return message(5, [text(1, name), integer(3, value), integer(20, 2)]);
  if ("float" in value) return message(5, [text(1, name), single(2, value.float), integer(20, 1)]);
  return message(5, [text(1, name), ...value.map((v) => integer(8, v)), integer(20, 7)]);
}

/** ValueInfoProto of a float32 tensor: 1 name, 2 type; TypeProto 1 tensor_type; 1 elem_type, 2 shape; 1 dim; 1 dim_value. */
const valueInfo = (field: number, name: string, shape: Shape): Field =>
  message(field, [text(1, name), message(2, [message(1, [integer(1, 1), message(2, shape.map((n) => message(1, [integer(1, n)])))])])]);

export class Graph {
  readonly #nodes: Field[] = [];
  readonly #initializers: Field[] = [];
  readonly #inputs: Field[] = [];
  #made = 0;

  input(name: string, shape: Shape): string {
    this.#inputs.push(valueInfo(11, name, shape));
    return name;
  }

  /** TensorProto: 1 dims, 2 data_type (1 float, 7 int64), 8 name, 9 raw_data, little-endian. */
  constant(name: string, shape: Shape, data: Float32Array | BigInt64Array): string {
    this.#initializers.push(message(5, [...shape.map((n) => integer(1, n)), integer(2, data instanceof Float32Array ? 1 : 7), text(8, name), bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))]));
    return name;
  }

  /** NodeProto: 1 input, 2 output, 4 op_type, 5 attribute. Returns the output's name. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const output = `${op}${this.#made++}`;
    this.#nodes.push(message(1, [...inputs.map((name) => text(1, name)), text(2, output), text(4, op), ...Object.entries(attributes).map(([name, value]) => attribute(name, value))]));
    return output;
  }

  /** ModelProto: 1 ir_version, 7 graph, 8 opset_import; GraphProto: 1 node, 2 name, 5 initializer, 11 input, 12 output. */
  model(output: string, shape: Shape): Uint8Array {
    const graph = message(7, [...this.#nodes, text(2, "graph"), ...this.#initializers, ...this.#inputs, valueInfo(12, output, shape)]);
    return join([integer(1, 8), graph, message(8, [text(1, ""), integer(2, 17)])]);
  }
}

export const convAttributes = (kernel: number, stride: number, padding = kernel >> 1): Readonly<Record<string, Attribute>> =>
  ({ kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [padding, padding, padding, padding] });

/** A network in evaluation mode, on an input called "x". */
export function networkModel(model: ModelName, batch: number, size: number): Uint8Array {
  const graph = new Graph();
  for (const weight of weightsOf(model)) {
    const { name, shape } = weight;
    const [k = 1, r = 1, s = 1, c = 1] = shape;
    const data = initial(weight);
    graph.constant(name, shape.length === 4 ? [k, c, r, s] : shape, shape.length === 4 ? permuted(data, shape, [0, 3, 1, 2]) : data);
  }
  const layers: Layers<string> = {
    conv: (x, name, { kernel, stride, bias }) => graph.node("Conv", [x, `${name}.weight`, ...(bias ? [`${name}.bias`] : [])], convAttributes(kernel, stride)),
    norm(x, name, channels, { residual, relu = true } = {}) {
      const mean = graph.constant(`${name}.running_mean`, [channels], new Float32Array(channels));
      const variance = graph.constant(`${name}.running_var`, [channels], new Float32Array(channels).fill(1));
      let y = graph.node("BatchNormalization", [x, `${name}.weight`, `${name}.bias`, mean, variance], { epsilon: { float: 1e-5 } });
      if (residual !== undefined) y = graph.node("Add", [y, residual]);
      return relu ? graph.node("Relu", [y]) : y;
    },
    maxPool: (x) => graph.node("MaxPool", [x], convAttributes(3, 2)),
    mean: (x) => graph.node("Flatten", [graph.node("GlobalAveragePool", [x])]),
    linear: (x, name) => graph.node("Gemm", [x, `${name}.weight`, `${name}.bias`], { transB: 1 }),
    upsample: (x) => graph.node("Resize", [x, "", graph.constant(`scales of ${x}`, [4], Float32Array.of(1, 1, 2, 2))]),
    concat: (a, b) => graph.node("Concat", [a, b], { axis: 1 }),
  };
  const y = network(layers, model, graph.input("x", [batch, 3, size, size]));
  return graph.model(y, model === "resnet50" ? [batch, 10] : [batch, 1, size, size]);
}
