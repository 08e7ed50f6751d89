import { createHash } from "node:crypto";
import type { StateDict } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { stateDict } from "@roentgen/nn";
import { tensor } from "@roentgen/tensor";
import { withDevice } from "@roentgen/tensor/testing/node";
import { expect, it } from "vitest";
import { batchAt, batchShapes, type SmallTraining, smallTraining } from "./small-training.ts";

const steps = 5;

interface Run {
  readonly losses: readonly number[];
  /** Name to hash of every tensor of the checkpoint, bit for bit. */
  readonly tensors: Readonly<Record<string, string>>;
}

const hashes = (dict: StateDict) =>
  Object.fromEntries([...dict].map(([name, { data }]) => [name, createHash("sha256").update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).digest("hex")]));

const outcome = async ({ losses, model }: SmallTraining): Promise<Run> => ({ losses: [...(await losses.read())], tensors: hashes(await stateDict(model)) });

async function replayed(device: Device, seed: number, count: number): Promise<Run> {
  const training = smallTraining(device, seed);
  const step = training.record();
  for (let i = 0; i < count; i++) step.run(...batchAt(seed, i));
  const run = await outcome(training);
  step.dispose();
  training.dispose();
  return run;
}

async function eager(device: Device, seed: number, count: number): Promise<Run> {
  const training = smallTraining(device, seed);
  for (let i = 0; i < count; i++) {
    const [images, classes] = batchAt(seed, i);
    device.scope(() => {
      training.update(tensor(device, images, batchShapes.images), tensor(device, classes, batchShapes.classes, "u32"));
    });
  }
  const run = await outcome(training);
  training.dispose();
  return run;
}

withDevice("the same seed", (device) => {
  it("gives the same weights, statistics and losses bit for bit in two runs", async () => {
    const [first, second] = [await replayed(device(), 7, steps), await replayed(device(), 7, steps)];
    expect(Object.keys(first.tensors)).toHaveLength(122);
    expect(second).toEqual(first);
  });

  it("gives eagerly what a recorded step gives, bit for bit", async () => {
    expect(await eager(device(), 7, 2)).toEqual(await replayed(device(), 7, 2));
  });

  it("matters: another one gives other weights", async () => {
    const [first, second] = [await replayed(device(), 7, 1), await replayed(device(), 8, 1)];
    expect(second.losses).not.toEqual(first.losses);
    expect(second.tensors["conv1.weight"]).not.toBe(first.tensors["conv1.weight"]);
  });
});
