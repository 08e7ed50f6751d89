// ONNX Runtime with its WebGPU provider (its own Dawn, which waits natively), in a process of its own: `tsx ort.ts`. Inference
// alone. Inputs come from and results go to the host in every run, since its Node binding keeps no tensor on the device.

import { createRequire } from "node:module";
import { type Shape } from "@roentgen/core";
import { convAttributes, Graph, networkModel } from "./onnx.ts";
import { type Prepared, serve, Unsupported } from "./serve.ts";
import { permuted, probeOf, values } from "./values.ts";
import { readFileSync } from "node:fs";

const require = createRequire(import.meta.url);
const ort = require("onnxruntime-node");
const { version } = JSON.parse(readFileSync(new URL("./node_modules/onnxruntime-node/package.json", import.meta.url), "utf8")) as { version: string };

interface OrtTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}
interface Session {
  readonly outputNames: readonly string[];
  run(feeds: Record<string, unknown>): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

async function prepared(model: Uint8Array, feeds: Record<string, { data: Float32Array; shape: Shape }>, units: number, canonical: (result: OrtTensor) => Float32Array = ({ data }) => data): Promise<Prepared> {
  // Warnings about what runs on the CPU (shapes) go to standard error unless they are turned off.
  const session = (await ort.InferenceSession.create(model, { executionProviders: ["webgpu"], logSeverityLevel: 3 })) as Session;
  const tensors = Object.fromEntries(Object.entries(feeds).map(([name, { data, shape }]) => [name, new ort.Tensor("float32", data, [...shape])]));
  const once = async (): Promise<OrtTensor> => {
    const result = (await session.run(tensors))[session.outputNames[0] ?? ""];
    if (!result) throw new Error("internal: the session gave no output.");
    return result;
  };
  return {
    async run() {
      for (let i = 0; i < units; i++) await once();
    },
    probe: async () => probeOf(canonical(await once())),
    dispose: () => void session.release(),
  };
}

const channelsFirst = (data: Float32Array, shape: Shape): { data: Float32Array; shape: Shape } => ({ data: permuted(data, shape, [0, 3, 1, 2]), shape: [0, 3, 1, 2].map((axis) => shape[axis] ?? 1) });

await serve({ version, backend: "its own Dawn, the driver's first adapter", toggles: [] }, {
  async conv({ direction, batch, side, inputs, outputs, kernel, stride, padding, result }, units) {
    if (direction !== "forward") throw new Unsupported("inference only");
    const graph = new Graph();
    const x = channelsFirst(values("x", [batch, side, side, inputs]), [batch, side, side, inputs]);
    const w = channelsFirst(values("w", [outputs, kernel, kernel, inputs]), [outputs, kernel, kernel, inputs]);
    const y = graph.node("Conv", [graph.input("x", x.shape), graph.constant("w", w.shape, w.data)], convAttributes(kernel, stride, padding));
    return prepared(graph.model(y, [batch, outputs, result, result]), { x }, units, ({ data, dims }) => permuted(data, dims, [0, 2, 3, 1]));
  },
  async matmul({ n }, units) {
    const graph = new Graph();
    const y = graph.node("MatMul", [graph.input("a", [n, n]), graph.input("b", [n, n])]);
    return prepared(graph.model(y, [n, n]), { a: { data: values("a", [n, n]), shape: [n, n] }, b: { data: values("b", [n, n]), shape: [n, n] } }, units);
  },
  async infer({ model, batch, size }, units) {
    return prepared(networkModel(model, batch, size), { x: channelsFirst(values("images", [batch, size, size, 3], 1.7), [batch, size, size, 3]) }, units);
  },
});
