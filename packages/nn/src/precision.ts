// Mixed precision (Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740): parameters, statistics, sums and the gradients of
// parameters stay f32; between a model's first convolution and its head, images and their gradients are stored in f16, and
// convolutions read f16 copies of their filters, made at the start of every pass by one dispatch a buffer of weights.
//
// A model is switched as it is to training: each module has a `precision`, and Conv2d and Linear act by it. What lies between them
// takes the dtype it is given.

import { PlanError } from "@roentgen/core";
import { alignTo, Buffer, type Device, type Grid, maxGroups, partAlignment } from "@roentgen/gpu";
import { cast as f32, castHalf as half, castPacked as packed } from "@roentgen/kernels";
import { cast, Tensor, twinFor } from "@roentgen/tensor";
import type { Module, Precision } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Vectors of four that one workgroup copies. */
const chunk = 1024;

/** Filters that lie in one buffer, and where their copies go: rows (from, to, vectors of four, 0). */
interface Copy {
  readonly device: Device;
  readonly from: Buffer;
  readonly to: Buffer;
  readonly table: Buffer;
  readonly rows: number;
}

/** A model's forward pass in one precision, from f32 or u8 images to f32 results. */
export class Pass<M extends Module & { forward(x: Tensor): Tensor }> {
  readonly #copies: readonly Copy[];

  /**
   * @param model  with memory; it keeps this precision from now on
   * @throws PlanError if the model has no memory yet, or is mixed already
   */
  constructor(readonly model: M, readonly precision: Precision) {
    for (const module of model.modules()) module.precision = precision;
    this.#copies = precision === "mixed" ? halve([...model.parameters()].filter((p) => p.mayBeHalf)) : [];
  }

  /** The model's result for the weights it has at this moment, in f32. */
  forward(x: Tensor): Tensor {
    const { device } = x;
    const k = twinFor(device, "f16", { f32, half, packed }).toHalfAt;
    for (const { from, to, table, rows } of this.#copies) device.dispatch(k, { x: from, half: to, table }, { n: rows }, grid(rows), { unread: Math.max(0, from.bytes - 2 * to.bytes) });
    const y = this.model.forward(x);
    return y.dtype === "f16" ? cast(y, "f32") : y;
  }

  /** Gives the copies' memory back, and the model its f32 precision. */
  dispose(): void {
    for (const { device, to, table } of this.#copies) for (const buffer of [to, table]) device.dispose(buffer);
    for (const parameter of this.model.parameters()) parameter.half = null;
    for (const module of this.model.modules()) module.precision = "f32";
  }
}

const grid = (rows: number): Grid => (rows <= maxGroups ? [rows, 1, 1] : [maxGroups, Math.ceil(rows / maxGroups), 1]);

/** Gives filters room for copies in f16, side by side like the filters themselves. */
function halve(parameters: readonly Parameter[]): Copy[] {
  const byWhole = new Map<Buffer, Parameter[]>();
  for (const parameter of parameters) {
    if (parameter.half) throw new PlanError(`${parameter.path}: the model computes in mixed precision already. Dispose of that pass first.`);
    const whole = parameter.tensor.buffer.root.buffer;
    byWhole.set(whole, [...(byWhole.get(whole) ?? []), parameter]);
  }
  return [...byWhole].map(([from, members]) => {
    const { device } = (members[0] as Parameter).tensor;
    const rows: number[] = [];
    const offsets: number[] = [];
    let bytes = 0;
    for (const { tensor, size } of members) {
      offsets.push(bytes);
      for (let done = 0; done < size / 4; done += chunk) rows.push(tensor.buffer.root.offset / 16 + done, bytes / 8 + done, Math.min(chunk, size / 4 - done), 0);
      bytes = alignTo(bytes + 2 * size, partAlignment);
    }
    const to = device.allocPersistent(bytes, "f16 filters");
    const table = device.allocPersistent(4 * rows.length, "f16 filters table");
    if (device.gpu) device.write(table, Uint32Array.from(rows));
    for (const [i, parameter] of members.entries()) {
      const part = Buffer.part(`${parameter.path} f16`, 2 * parameter.size, to, offsets[i] ?? 0);
      parameter.half = new Tensor(device, part, parameter.shape, "f16");
    }
    return { device, from, to, table, rows: rows.length / 4 };
  });
}
