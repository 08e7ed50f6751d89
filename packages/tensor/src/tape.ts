// The tape. Each op that a gradient may flow through leaves a node on its result: its inputs, and one function per input from
// the result's gradient to that input's. `backward` walks the nodes that the loss depends on, latest first, and calls only
// those functions that lead to a trainable tensor: frozen means free. There is no global list, so nothing has to be cleared.

import { ShapeError } from "@roentgen/core";
import { accumulateGradients } from "./accumulate.ts";
import { type Tensor, tensor } from "./tensor.ts";

/** From the gradient of the result to the gradient of one input, in that input's shape; null where there is none. */
export type GradientOf = ((dy: Tensor) => Tensor) | null;

/** From two gradients of the result to their sum, where the op can add them in a pass that it makes anyway. */
export type SumOf = (a: Tensor, b: Tensor) => Tensor;

export interface Node {
  /** Increases with every op: a later node never feeds an earlier one. */
  readonly order: number;
  readonly op: string;
  /** Where it was made, as labels show it; empty where its gradients label themselves. */
  readonly path: string;
  readonly inputs: readonly Tensor[];
  readonly gradients: readonly GradientOf[];
  readonly sumOf?: SumOf | undefined;
  /** In place of `gradients`: from the result's gradient and what is known of the inputs' to what is known with this node. */
  readonly into?: ((dy: Tensor, before: Gradients) => Gradients) | undefined;
}

/** Trainable tensors and their gradients. */
export type Gradients = Map<Tensor, Tensor>;

let taping = true;
let order = 0;

export const nextOrder = (): number => ++order;

/** The order of the node made last. */
export const newestOrder = (): number => order;

/** Whether ops leave nodes: not inside `noGrad`. */
export const isTaping = (): boolean => taping;

/** Runs `fn` without leaving nodes: for evaluation. */
export function noGrad<T>(fn: () => T): T {
  const before = taping;
  taping = false;
  try {
    return fn();
  } finally {
    taping = before;
  }
}

/** Whether an op on this tensor must leave a node. */
export const needsGradient = (x: Tensor): boolean => taping && (x.trainable || x.node !== null);

/**
 * The gradient of a scalar with respect to every trainable tensor it depends on.
 *
 * @param loss  f32, one element, the result of ops on at least one trainable tensor
 * @param seed  the gradient of `loss` itself, of its shape; default 1. With a seed, `loss` may have any shape
 * @throws ShapeError if `loss` is not a scalar, or nothing trainable leads to it
 */
export function backward(loss: Tensor, seed?: Tensor): Gradients {
  if (!seed && loss.size !== 1) throw new ShapeError(`backward: expected a loss with one element, got ${loss}. Reduce it with mean or sum.`);
  if (!loss.node) throw new ShapeError("backward: the loss does not depend on any trainable tensor. Is the model frozen, or was it computed inside noGrad?");
  return backwardInto(new Map(), loss, seed ?? tensor(loss.device, [1], loss.shape));
}

/** Adds to `gradients` those that come through `loss` whose own gradient is `dy`. */
export function backwardInto(gradients: Gradients, loss: Tensor, dy: Tensor): Gradients {
  const { device } = loss;
  if (!loss.node) {
    const before = gradients.get(loss);
    return gradients.set(loss, before ? accumulateGradients(before, dy) : dy);
  }
  // A result that went two ways waits with both gradients where its op adds them itself.
  const pending = new Map<Tensor, { dy: Tensor; more?: Tensor }>([[loss, { dy }]]);
  const within = <T>({ path }: Node, fn: () => T): T => (path ? device.within(`${path} grad`, fn) : fn());
  for (const made of dependencies(loss)) {
    const waiting = pending.get(made);
    const node = made.node;
    pending.delete(made);
    if (!waiting || !node) continue;
    const { dy: first, more } = waiting;
    const { sumOf } = node;
    const dy = more && sumOf ? within(node, () => sumOf(first, more)) : first;
    const sum = (a: Tensor, b: Tensor): Tensor => within(node, () => accumulateGradients(a, b));
    if (node.into) {
      const before: Gradients = new Map();
      for (const input of node.inputs) {
        const { dy: known, more: other } = pending.get(input) ?? { dy: gradients.get(input) };
        if (known) before.set(input, other ? sum(known, other) : known);
      }
      for (const [input, after] of node.into(dy, before)) {
        if (input.node) pending.set(input, { dy: after });
        else gradients.set(input, after);
      }
      continue;
    }
    for (const [i, input] of node.inputs.entries()) {
      const gradientOf = node.gradients[i];
      if (!gradientOf || !(input.trainable || input.node)) continue;
      const dx = within(node, () => gradientOf(dy));
      if (!input.node) {
        const before = gradients.get(input);
        gradients.set(input, before ? sum(before, dx) : dx);
        continue;
      }
      const before = pending.get(input);
      if (!before) pending.set(input, { dy: dx });
      else if (!input.node.sumOf) pending.set(input, { dy: sum(before.dy, dx) });
      else pending.set(input, { dy: before.more ? sum(before.dy, before.more) : before.dy, more: dx });
    }
  }
  return gradients;
}

/** Tensors with a node that `loss` depends on, latest first. */
function dependencies(loss: Tensor): Tensor[] {
  const found = new Set<Tensor>([loss]);
  for (const made of found) for (const input of made.node?.inputs ?? []) if (input.node) found.add(input);
  return [...found].sort((a, b) => (b.node?.order ?? 0) - (a.node?.order ?? 0));
}
