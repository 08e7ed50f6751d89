// Several families of kernels compute the same thing, each fast on some devices and for some shapes. A task says what is to be
// computed; `choose` takes the family that measurement found fastest here (`useTuning`), else on such an adapter (seeds.ts), else the one
// that is predicted to be.

import type { Device } from "@roentgen/gpu";
import type { Spec } from "./record.ts";
import { seedFor } from "./seeds.ts";
import type { Tensor } from "./tensor.ts";

/** What a prediction may look at. */
export type Hardware = Pick<Device, "info" | "limits">;

/** Something that each of several families can compute: one direction of an op, on one shape. */
export interface Task<F extends { readonly name: string }> {
  /** Op, direction, dtypes and shape, as a tuning cache names them: `conv2d.forward f32 4x56x56x64 * 64x3x3 ...`. */
  readonly key: string;
  readonly families: readonly F[];
  /** Predicted time, in a unit common to the families on one device; Infinity where a family cannot compute the task. */
  readonly cost: (family: F) => number;
  /** What the inputs look like, for a tuner that makes some up. */
  readonly inputs: readonly Spec[];
  readonly compute: (family: F, ...inputs: Tensor[]) => Tensor;
}

/** A task as a tuner sees it: the ways to compute it, best guess first, the plain family among them. */
export interface OpenTask {
  readonly key: string;
  readonly inputs: readonly Spec[];
  readonly ways: readonly { readonly name: string; readonly compute: (...inputs: Tensor[]) => Tensor }[];
}

/** The name of the fastest family for each task's key. */
export type Winners = ReadonlyMap<string, string>;

const winnersOf = new WeakMap<Device, Winners>();
const collecting = new WeakMap<Device, Map<string, OpenTask>>();

/** From now on ops on `device` choose these families; tasks that are not named, and families that cannot compute them, are as predicted. */
export function useTuning(device: Device, winners: Winners): void {
  winnersOf.set(device, winners);
}

/** The tasks that `fn` meets, each once. Run it recording, and nothing is computed. */
export function collectTasks(device: Device, fn: () => void): OpenTask[] {
  const found = new Map<string, OpenTask>();
  collecting.set(device, found);
  try {
    fn();
  } finally {
    collecting.delete(device);
  }
  return [...found.values()];
}

/** The family for a task on a device. */
export function choose<F extends { readonly name: string }>(device: Device, task: Task<F>): F {
  const able = candidates(task);
  const [guess] = able;
  if (!guess) throw new Error(`internal: no family computes ${task.key}.`);
  collecting.get(device)?.set(task.key, {
    key: task.key, inputs: task.inputs, ways: able.map((family) => ({ name: family.name, compute: (...inputs) => task.compute(family, ...inputs) })),
  });
  const winner = winnersOf.get(device)?.get(task.key) ?? seedFor(device.info, task.key);
  return able.find(({ name }) => name === winner) ?? guess;
}

/** The families that can compute a task, the cheapest by prediction first. */
export function candidates<F extends { readonly name: string }>({ families, cost }: Task<F>): F[] {
  return families
    .map((family) => ({ family, predicted: cost(family) }))
    .filter(({ predicted }) => predicted < Infinity)
    .sort((a, b) => a.predicted - b.predicted)
    .map(({ family }) => family);
}
