// Giving a model memory. All weights lie side by side in a few large buffers (one, up to the largest range a binding may see),
// each at a multiple of 256 bytes, and all state in another, so that an optimiser updates everything in a few dispatches.

import { PlanError, Rng } from "@roentgen/core";
import { alignTo, Buffer, type Device, partAlignment } from "@roentgen/gpu";
import { Tensor } from "@roentgen/tensor";
import { type Module, nameModules } from "./module.ts";
import type { Parameter } from "./parameter.ts";

export interface MaterializeOptions {
  /** Decides every initial value, together with the parameter's path. */
  readonly seed: number;
  /** Names that a checkpoint will overwrite at once: they are not initialised. */
  readonly except?: (path: string) => boolean;
}

/** Allocates and initialises all parameters of a model on a device. */
export function materialize<M extends Module>(model: M, device: Device, { seed, except = () => false }: MaterializeOptions): M {
  nameModules(model);
  const all = [...model.parameters()];
  const names = new Set(all.map((p) => p.path));
  if (names.size !== all.length) throw new PlanError("internal: two parameters of the model share a name.");
  place(device, all.filter((p) => p.kind === "weight"), "weights");
  place(device, all.filter((p) => p.kind === "state"), "state");
  if (!device.gpu) return model;
  for (const parameter of all) {
    if (!except(parameter.path)) parameter.tensor.write(parameter.init(parameter.shape, Rng.for(seed, "init", parameter.path)));
  }
  return model;
}

/** The buffers a materialised model lives in: a handful, weights first. */
export function memoryOf(model: Module): Buffer[] {
  const wholes = new Set<Buffer>();
  for (const kind of ["weight", "state"] as const) {
    for (const parameter of model.parameters()) if (parameter.kind === kind) wholes.add(parameter.tensor.buffer.root.buffer);
  }
  return [...wholes];
}

/** Gives the model's memory back. The model is of no use afterwards. */
export function dispose(model: Module): void {
  const device = [...model.parameters()].find((p) => p.isMaterial)?.tensor.device;
  if (device) for (const whole of memoryOf(model)) device.dispose(whole);
}

function place(device: Device, parameters: readonly Parameter[], label: string): void {
  for (const arena of arenas(parameters.map((p) => 4 * p.size), device.maxBindingBytes)) {
    const whole = device.allocPersistent(arena.bytes, label);
    if (device.gpu) device.zero(whole);
    for (const { index, offset } of arena.members) {
      const parameter = parameters[index] as Parameter;
      parameter.place(new Tensor(device, Buffer.part(parameter.path, 4 * parameter.size, whole, offset), parameter.shape));
    }
  }
}

/** Cuts a list of sizes into arenas of at most `most` bytes, in order. */
export function arenas(sizes: readonly number[], most: number): { bytes: number; members: { index: number; offset: number }[] }[] {
  const made: { bytes: number; members: { index: number; offset: number }[] }[] = [];
  for (const [index, size] of sizes.entries()) {
    const padded = alignTo(size, partAlignment);
    let last = made.at(-1);
    if (!last || last.bytes + padded > most) made.push((last = { bytes: 0, members: [] }));
    last.members.push({ index, offset: last.bytes });
    last.bytes += padded;
  }
  return made;
}
