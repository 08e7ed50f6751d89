import { nullDevice } from "@roentgen/gpu";
import { withDevice } from "@roentgen/tensor/testing/node";
import { expect, it } from "vitest";
import { profileWorkload, recordWorkload } from "./profile-workload.ts";

const size = 32;
const about = { roentgen: "test", runtime: "test", repeats: 1 };

withDevice("a workload", (device) => {
  const heldAfter = async (work: () => Promise<unknown>): Promise<number> => {
    device().trim();
    const before = device().heldBytes;
    await work();
    device().trim();
    return device().heldBytes - before;
  };

  it.each([
    ["a forward pass", { model: "resnet18", train: false }],
    ["a training step", { model: "resnet18", train: true }],
    ["a training step in mixed precision", { model: "unet-resnet18", train: true, precision: "mixed" }],
  ] as const)("gives back all memory of %s", async (_, workload) => {
    const held = await heldAfter(async () => {
      const { step, inputs, dispose } = recordWorkload(device(), { ...workload, batch: 2, size });
      step.run(...inputs);
      await device().idle();
      dispose();
    });
    expect(held).toBe(0);
  });

  it("gives back all memory of what cannot be recorded", async () => {
    const profiled = () => profileWorkload(device(), { model: "resnet18", train: true, batch: 1, size }, about);
    expect(await heldAfter(() => expect(profiled()).rejects.toThrow("more than one value a channel"))).toBe(0);
  });

  it("leaves nothing on the device once it is profiled", async () => {
    expect(await heldAfter(() => profileWorkload(device(), { model: "resnet18", train: false, batch: 1, size }, about))).toBe(0);
  });

  it.each([
    ["too many images", { batch: 100_000, size: 224 }, "resnet18: 100000 images of 224 px are 56.1 GiB, and this device gives a kernel 128 MiB at most. Use a batch of 222 or less, less still where the network needs more, or a smaller size."],
    ["too large an image", { batch: 1, size: 100_000 }, "resnet18: an image of 100000 px is 112 GiB, and this device gives a kernel 128 MiB at most. Use a smaller size."],
  ])("of %s is refused before anything is made for it", (_, much, message) => {
    expect(() => recordWorkload(nullDevice(), { model: "resnet18", train: true, ...much })).toThrow(expect.objectContaining({ name: "ConfigError", message }) as Error);
  });
});
