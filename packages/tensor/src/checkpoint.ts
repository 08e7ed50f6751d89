// Gradient checkpointing (Chen et al. 2016, https://arxiv.org/abs/1604.06174): a part of the forward pass keeps nothing but its
// inputs, and backward runs it again for what its gradients need. Twice the forward work for much less memory, and the same bits.
//
// What must happen once however often the part runs (drawing a dropout mask, updating running statistics) an op wraps in `keep`:
// the first run keeps what it returns, later runs get that instead.

import { ShapeError } from "@roentgen/core";
import { backwardInto, type Gradients, isTaping, needsGradient, newestOrder, nextOrder } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/** What the first run of a part kept, in order. */
interface Kept {
  readonly values: unknown[];
  complete: boolean;
}

let kept: Kept | null = null;
let taken = 0;

/** `compute()`, but once for all runs of the checkpointed part that this is in. What it returns stays in memory: keep small things. */
export function keep<T>(compute: () => T): T {
  if (!kept) return compute();
  if (!kept.complete) {
    const value = compute();
    kept.values.push(value);
    return value;
  }
  if (taken >= kept.values.length) throw new Error("internal: a checkpointed function did something else when it ran again.");
  return kept.values[taken++] as T;
}

/** Runs `fn` with `keep` keeping into `into`, or giving out what is there. */
function keeping<T>(into: Kept, fn: () => T): T {
  const [outer, outerTaken] = [kept, taken];
  [kept, taken] = [into, 0];
  try {
    const result = fn();
    into.complete = true;
    return result;
  } finally {
    [kept, taken] = [outer, outerTaken];
  }
}

/**
 * fn(...inputs) without keeping what it computes in between: backward runs `fn` again. Values and gradients are the same bits as
 * without. `fn` may use trainable tensors from anywhere, but other tensors that a gradient flows through only as its inputs.
 *
 * @param fn      the same ops each time it is called
 * @param inputs  any tensors, or null for an argument that is left out
 * @throws ShapeError if a gradient flows through a tensor that `fn` did not make and that is none of its inputs
 */
export function checkpoint<I extends readonly (Tensor | null)[]>(fn: (...inputs: I) => Tensor, ...inputs: I): Tensor {
  const device = inputs.find((x) => x !== null)?.device;
  if (!device || !isTaping()) return fn(...inputs);
  const memory = keep((): Kept => ({ values: [], complete: false }));
  /** Runs it on stand-ins for the inputs, which are the leaves of a tape of its own. */
  const run = () => {
    const leaves = new Map<Tensor, Tensor>();
    for (const x of inputs) if (x) leaves.set(x, leafFor(x));
    const start = newestOrder();
    const y = keeping(memory, () => fn(...(inputs.map((x) => x && leaves.get(x)) as readonly (Tensor | null)[] as I)));
    return { y, leaves, trainable: trainableUnder(y, new Set(leaves.values()), start) };
  };
  // The tape stays inside and what lies between is given back: the buffers of y and of what was kept leave the scope.
  const { y, trainable } = device.scope(() => {
    const first = run();
    const { buffer, shape, dtype } = first.y;
    return { y: new Tensor(device, buffer, shape, dtype), trainable: first.trainable, kept: memory.values };
  });
  const sources = [...new Set([...inputs.filter((x): x is I[number] & Tensor => x !== null && needsGradient(x)), ...trainable])] as Tensor[];
  if (sources.length === 0) return y;
  const into = (dy: Tensor, before: Gradients): Gradients => device.scope(() => {
    const again = run();
    // Sums go on from what came before, so that they are added up in the order in which they would be without a checkpoint.
    const standIn = (source: Tensor) => again.leaves.get(source) ?? source;
    const gradients = backwardInto(new Map([...before].map(([source, known]) => [standIn(source), known])), again.y, dy);
    return new Map(sources.map((source) => [source, gradients.get(standIn(source)) as Tensor]));
  });
  // No path: the ops inside name themselves.
  y.node = { order: nextOrder(), op: "checkpoint", path: "", inputs: sources, gradients: [], into };
  return y;
}

function leafFor(x: Tensor): Tensor {
  const leaf = new Tensor(x.device, x.buffer, x.shape, x.dtype);
  leaf.trainable = needsGradient(x);
  return leaf;
}

/** Trainable tensors that y depends on, the leaves left out. All its nodes must be younger than `start`. */
function trainableUnder(y: Tensor, leaves: ReadonlySet<Tensor>, start: number): Tensor[] {
  const found = new Set<Tensor>([y]);
  for (const { node } of found) {
    if (node && node.order <= start) throw new ShapeError(`checkpoint: ${node.path} made a tensor outside of the checkpointed function, and gradients flow through it. Pass it as an input.`);
    for (const input of node?.inputs ?? []) if (input.node || input.trainable) found.add(input);
  }
  return [...found].filter((x) => x.trainable && !leaves.has(x));
}
