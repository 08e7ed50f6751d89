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
});
