// A training step as a GPU plans it (tiles, slices, batch norms by workgroups) on whatever driver there is, against the step as that
// driver plans it: no GPU is at hand in most places where these tests run, but every kernel chosen for one computes the same.

import { Device } from "@roentgen/gpu";
import { openDevice } from "@roentgen/gpu/node";
import { type ResNet, resnet } from "@roentgen/models";
import { dispose, materialize } from "@roentgen/nn";
import { backward, crossEntropy, record, spec, type Tensor } from "@roentgen/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const present = process.env.ROENTGEN_REQUIRE_GPU === "1" || (await openDevice().then((device) => (device.close(), true), () => false));
const [batch, side, classes] = [4, 64, 10];

/** Loss and gradients of every weight of a fresh ResNet-18, and the kernels that made them. */
async function firstStep(device: Device): Promise<{ loss: number; gradients: Map<string, Float32Array>; kernels: Set<string> }> {
  const model: ResNet = materialize(resnet({ depth: 18, classes }), device, { seed: 3 });
  const weights = [...model.parameters()].filter(({ kind }) => kind === "weight");
  const step = record(device, "step", (images, target) => {
    const loss = crossEntropy(model.forward(images as Tensor), target as Tensor);
    const of = backward(loss);
    return [loss, ...weights.map(({ tensor }) => of.get(tensor) as Tensor)];
  }, [spec("f32", [batch, side, side, 3]), spec("u32", [batch])]);
  await step.build();
  const [loss, ...gradients] = step.run(Float32Array.from({ length: batch * side * side * 3 }, (_, i) => Math.sin(0.37 * i)), Uint32Array.from({ length: batch }, (_, i) => i));
  const read = new Map<string, Float32Array>();
  for (const [i, { path }] of weights.entries()) read.set(path, (await gradients[i]?.floats()) ?? new Float32Array());
  const result = { loss: (await loss?.item()) ?? NaN, gradients: read, kernels: new Set(step.plan.dispatches.map(({ kernel }) => kernel.name)) };
  step.dispose();
  dispose(model);
  return result;
}

/** |a - b| / |b|. */
const apart = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, v, i) => sum + (v - (b[i] ?? NaN)) ** 2, 0) / b.reduce((sum, v) => sum + v ** 2, 0));

describe.skipIf(!present)("a training step as a GPU plans it", () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.close());

  it("has the loss and the gradients of one as this driver plans it", { timeout: 600_000 }, async () => {
    const here = await firstStep(device);
    const there = await firstStep(new Device(device.gpu, { ...device.info, software: false }));
    for (const kernel of ["conv2d.tiled.forward", "conv2d.tiled.backward_x", "conv2d.tiled.backward_weight", "batch-norm.whole.statistics", "batch-norm.whole.gradients_two_ways"]) {
      expect(there.kernels).toContain(kernel);
    }
    expect(Math.abs(there.loss - here.loss)).toBeLessThan(1e-5 * here.loss);
    expect(there.gradients.size).toBe(here.gradients.size);
    // Rounding in the first layers is multiplied by all that follow: 1e-5 to 2e-5 as measured.
    for (const [path, gradient] of there.gradients) expect(apart(gradient, here.gradients.get(path) ?? new Float32Array()), path).toBeLessThan(1e-4);
  });
});
