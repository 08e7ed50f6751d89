// Making an op out of a function: `op` runs its body under the op's label and, where a gradient may flow, leaves a node on the
// result. `launch` is the one way from tensors to kernels.

import { PlanError } from "@roentgen/core";
import { flatGrid, type Device, type Grid, type LaunchOptions } from "@roentgen/gpu";
import type { Kernel, ParamValues } from "@roentgen/kernels";
import { type GradientOf, needsGradient, nextOrder, type SumOf } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/**
 * An op: a function on tensors that launches kernels and hands back its own gradients.
 *
 * @param body  returns the result and one gradient function per tensor argument, in argument order (null where there is none);
 *              tensors in an array argument count one by one, absent optional ones not at all. Tensors inside an options object
 *              are state (running statistics, say), not inputs. Third, where the op can add two gradients of its result in passing: how
 */
export function op<A extends readonly unknown[]>(name: string, body: (...args: A) => readonly [Tensor, readonly GradientOf[], SumOf?]): (...args: A) => Tensor {
  return (...args) => {
    const inputs = (args as readonly unknown[]).flat(1).filter((arg) => arg instanceof Tensor);
    const device = commonDevice(name, inputs);
    return device.within(name, () => {
      const [y, gradients, sumOf] = body(...args);
      if (gradients.length !== inputs.length) throw new Error(`internal: ${name} has ${inputs.length} tensor arguments and ${gradients.length} gradients.`);
      if (inputs.some(needsGradient)) y.node = { order: nextOrder(), op: name, path: device.path, inputs, gradients, sumOf };
      return y;
    });
  };
}

function commonDevice(name: string, inputs: readonly Tensor[]): Device {
  const device = inputs[0]?.device;
  if (!device) throw new Error(`internal: ${name} was called without a tensor.`);
  if (inputs.some((x) => x.device !== device)) throw new PlanError(`${name}: its tensors live on different devices. Read one back and write it to the other.`);
  return device;
}

/** Launches a kernel on tensors, bound by name; `params` beside them. */
export function launch<B extends string, P extends ParamValues, O extends string>(
  kernel: Kernel<B, P, O>,
  { params, ...tensors }: Readonly<Record<B, Tensor>> & { readonly params: P },
  grid: Grid,
  options?: LaunchOptions<O>,
): void {
  const bound = tensors as unknown as Readonly<Record<B, Tensor>>;
  const entries = Object.entries<Tensor>(bound);
  const device = entries[0]?.[1].device;
  if (!device) throw new Error(`internal: ${kernel.name} was launched without a tensor.`);
  const buffers = Object.fromEntries(entries.map(([name, x]) => [name, x.buffer])) as Record<B, Tensor["buffer"]>;
  device.dispatch(kernel, buffers, params, grid, options);
}

/** The grid of a flat kernel over n elements, `perThread` of them a thread. */
export function groups(kernel: Kernel<string, ParamValues, "WORKGROUP">, n: number, perThread = 1): Grid {
  return flatGrid(n, kernel.overrides.WORKGROUP * perThread);
}
