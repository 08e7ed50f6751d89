import { elementBytes, PlanError, type Shape, sizeOf, type TypedArray } from "@roentgen/core";
import { type BuildProgress, type Device, Plan } from "@roentgen/gpu";
import { Tensor, type TensorDType } from "./tensor.ts";

/** What a plan's input will be. */
export interface Spec {
  readonly dtype: TensorDType;
  readonly shape: Shape;
}

export const spec = (dtype: TensorDType, shape: Shape): Spec => ({ dtype, shape });

/** Host data for the inputs, by position. */
export type InputData = TypedArray | ArrayBufferView;

/** A recorded function: `run` replays it on new inputs and returns the same tensors with new contents. */
export class Step<R> {
  constructor(
    readonly device: Device,
    readonly plan: Plan<R>,
    readonly specs: readonly Spec[],
  ) {}

  /** Compiles and allocates ahead of the first run. */
  build(onProgress?: BuildProgress): Promise<void> {
    return this.plan.build(onProgress);
  }

  /** Throws PlanError if an input does not have the size the plan was recorded for. */
  run(...inputs: readonly InputData[]): R {
    for (const [i, { dtype, shape }] of this.specs.entries()) {
      const got = inputs[i]?.byteLength;
      const want = sizeOf(shape) * elementBytes[dtype];
      if (got !== want) {
        throw new PlanError(`plan "${this.plan.label}": input ${i} was recorded as ${dtype}[${shape.join(",")}], ${want} bytes, got ${got ?? 0} bytes. Record a plan for the short batch, or set dropLast.`);
      }
    }
    return this.plan.run(inputs);
  }

  dispose(): void {
    this.plan.dispose();
  }
}

/**
 * Records `fn` on inputs of these shapes: it runs once, launching nothing, and becomes a plan. JavaScript numbers are frozen by
 * recording; what changes between runs must be an input or a persistent tensor.
 */
export function record<R>(device: Device, label: string, fn: (...inputs: Tensor[]) => R, specs: readonly Spec[]): Step<R> {
  const inputs = specs.map(({ dtype, shape }, i) => new Tensor(device, device.input(sizeOf(shape) * elementBytes[dtype], `${label} input ${i}`), shape, dtype));
  const recording = device.record(label, inputs.map((x) => x.buffer), () => fn(...inputs));
  return new Step(device, new Plan(device, recording), specs);
}
