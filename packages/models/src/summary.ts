// What a model is made of, without a GPU: it is recorded on the null device and its tape is read back.

import { format } from "@roentgen/core";
import { nullDevice } from "@roentgen/gpu";
import { materialize, type Module, type Parameter } from "@roentgen/nn";
import { record, type Tensor } from "@roentgen/tensor";

export interface SummaryRow {
  /** Module path and op. */
  readonly name: string;
  readonly op: string;
  readonly output: string;
  readonly parameters: number;
  readonly trainable: number;
  readonly multiplyAdds: number;
}

export interface Summary {
  readonly rows: readonly SummaryRow[];
  readonly parameters: number;
  readonly trainable: number;
  /** Tensors of the state dict. */
  readonly tensors: number;
  readonly multiplyAdds: number;
  /** Bytes of weights and state in f32. */
  readonly bytes: number;
}

/** Layers, shapes, parameters and multiply-adds of a model on f32[batch,size,size,3]. The model must not live on a device yet. */
export function summarise(model: Module & { forward(x: Tensor): Tensor }, { size, batch = 1 }: { size: number; batch?: number }): Summary {
  const device = nullDevice();
  materialize(model, device, { seed: 0 });
  model.eval();
  const ops: { path: string; op: string; output: string; inputs: readonly Tensor[]; byDefinition: number | null }[] = [];
  const step = record(device, "summary", (x) => {
    x.trainable = true;
    const y = model.forward(x);
    for (const made of tape(y)) if (made.node) ops.push({ path: made.node.path, op: made.node.op, output: format(made.dtype, made.shape), inputs: made.node.inputs, byDefinition: multiplyAddsOf(made) });
    return y;
  }, [{ dtype: "f32", shape: [batch, size, size, 3] }]);

  const flops = new Map<string, number>();
  for (const d of step.plan.dispatches) {
    const path = d.label.slice(0, d.label.lastIndexOf(" "));
    if (/\.forward|conv2d|matmul|linear/.test(d.kernel.name)) flops.set(path, (flops.get(path) ?? 0) + d.flops);
  }
  const all = [...model.parameters()];
  const counted = new Set<Parameter>();
  const rows = ops.map(({ path, op, output, inputs, byDefinition }): SummaryRow => {
    const [module = ""] = path.split(" ");
    // Where they are first used.
    const own = all.filter((p) => p.kind === "weight" && !counted.has(p) && inputs.includes(p.tensor));
    for (const parameter of own) counted.add(parameter);
    const isProduct = /^(conv|linear|matmul)/.test(op);
    return {
      name: path.includes(" ") ? module : "", op, output,
      parameters: own.reduce((n, p) => n + p.size, 0),
      trainable: own.filter((p) => p.trainable).reduce((n, p) => n + p.size, 0),
      multiplyAdds: byDefinition ?? (isProduct ? (flops.get(path) ?? 0) / 2 : 0),
    };
  });
  const weights = all.filter((p) => p.kind === "weight");
  return {
    rows,
    parameters: weights.reduce((n, p) => n + p.size, 0),
    trainable: weights.filter((p) => p.trainable).reduce((n, p) => n + p.size, 0),
    tensors: all.length,
    multiplyAdds: rows.reduce((n, r) => n + r.multiplyAdds, 0),
    bytes: 4 * all.reduce((n, p) => n + p.size, 0),
  };
}

/** What an op is defined to take, where its kernels find a way to do with less; null where they do as defined. */
function multiplyAddsOf({ node, size }: Tensor): number | null {
  const weight = node?.op === "upsampledConv2d" ? node.inputs.at(-1) : undefined;
  return weight ? size * (weight.size / weight.dim(0)) : null;
}

/** All tensors with a node that `y` depends on, first made first. */
function tape(y: Tensor): Tensor[] {
  const found = new Set<Tensor>([y]);
  for (const made of found) for (const input of made.node?.inputs ?? []) if (input.node) found.add(input);
  return [...found].sort((a, b) => (a.node?.order ?? 0) - (b.node?.order ?? 0));
}
