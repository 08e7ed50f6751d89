import { createHash } from "node:crypto";
import { Rng } from "@roentgen/core";
import { type Device, nullDevice } from "@roentgen/gpu";
import { resnet, unet } from "@roentgen/models";
import { Adam, dispose, LossScale, materialize, memoryOf, type Module, Pass, type Precision } from "@roentgen/nn";
import { backward, crossEntropy, record, spec, sum, tensor, type Tensor } from "@roentgen/tensor";
import { tolerances, withoutHalf } from "@roentgen/tensor/testing";
import { withDevice } from "@roentgen/tensor/testing/node";
import { describe, expect, it } from "vitest";

const [batch, side, classes] = [4, 64, 3];

/** ResNet-18 with Adam, on three batches in turn. The factor is low enough that no step of these overflows. */
const train = async (device: Device, precision: Precision, { steps = 10, eager = false, checkpoint = false } = {}) => {
  const model = materialize(resnet({ depth: 18, classes }), device, { seed: 3 });
  if (checkpoint) model.checkpoint();
  const pass = new Pass(model, precision);
  const lossScale = precision === "mixed" ? new LossScale(device, { initial: 1024 }) : undefined;
  const optimizer = new Adam(model.parameters(), { lr: 1e-4, lossScale });
  const update = (images: Tensor, target: Tensor) => {
    const loss = crossEntropy(pass.forward(images), target);
    optimizer.step(backward(loss, lossScale?.factor));
    return loss;
  };
  const step = eager ? null : record(device, "train", update, [spec("f32", [batch, side, side, 3]), spec("u32", [batch])]);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const rng = Rng.for(7, "batch", i % 3);
    const images = Float32Array.from({ length: batch * side * side * 3 }, () => rng.uniform(-1.7, 1.7));
    const target = Uint32Array.from({ length: batch }, () => rng.int(classes));
    const loss = step ? step.run(images, target) : device.scope(() => update(tensor(device, images, [batch, side, side, 3]), tensor(device, target, [batch], "u32")));
    losses.push(await loss.item());
  }
  const digest = createHash("sha256");
  for (const memory of memoryOf(model)) digest.update(new Uint8Array(await device.read(memory)));
  step?.dispose();
  for (const part of [optimizer, pass]) part.dispose();
  const skipped = (await lossScale?.read())?.skipped ?? 0;
  lossScale?.dispose();
  dispose(model);
  return { losses, skipped, weights: digest.digest("hex") };
};

withDevice("ten steps of ResNet-18", (device) => {
  it("take the same course in mixed precision as in f32", async () => {
    const [full, mixed] = [await train(device(), "f32"), await train(device(), "mixed")];
    for (const [i, loss] of mixed.losses.entries()) expect(Math.abs(loss - (full.losses[i] ?? NaN))).toBeLessThan(tolerances.mixedLoss);
    expect(mixed).toMatchObject({ skipped: 0, losses: expect.not.arrayContaining(full.losses) });
  });

  it("give the same bits in mixed precision eagerly, replayed, checkpointed, and packed for want of shader-f16", async () => {
    const replayed = await train(device(), "mixed", { steps: 2 });
    expect(await train(device(), "mixed", { steps: 2, eager: true })).toEqual(replayed);
    expect(await train(device(), "mixed", { steps: 2, checkpoint: true })).toEqual(replayed);
    expect(await train(withoutHalf(device()), "mixed", { steps: 2 })).toEqual(replayed);
  });
});

describe("a training step in mixed precision", () => {
  type Model = Module & { forward(x: Tensor): Tensor };
  const planOf = (make: () => Model, precision: Precision, [batch, size]: readonly [number, number]) => {
    const device = nullDevice();
    const model = materialize(make(), device, { seed: 0 });
    const pass = new Pass(model, precision);
    const lossScale = precision === "mixed" ? new LossScale(device) : undefined;
    const optimizer = new Adam(model.parameters(), { lr: 1e-3, lossScale });
    return record(device, "train", (x) => optimizer.step(backward(sum(pass.forward(x)), lossScale?.factor)), [spec("f32", [batch, size, size, 3])]).plan;
  };

  it.each([
    ["ResNet-50 at batch 8", () => resnet({ depth: 50 }), [8, 224]],
    ["U-Net at batch 2", () => unet({ encoder: { depth: 50 } }), [2, 256]],
  ] as const)("of %s takes at most seven tenths of the memory and a score of dispatches more", (_, make, size) => {
    const [full, mixed] = [planOf(make, "f32", size), planOf(make, "mixed", size)];
    expect(mixed.bytes).toBeLessThan(0.7 * full.bytes);
    expect(mixed.dispatches.length).toBeLessThan(full.dispatches.length + 25);
  });
});
