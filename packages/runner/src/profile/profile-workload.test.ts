import { nullDevice } from "@roentgen/gpu";
import { collectTasks } from "@roentgen/tensor";
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

withDevice("a profile", (device) => {
  it("measures ceilings before and after, plain runs around, and keeps the machine's load and what was tuned", { timeout: 120_000 }, async () => {
    const loads = [1.5, 2.5];
    const workload = { model: "resnet18", train: false, batch: 1, size: 32 };
    const [open] = collectTasks(device(), () => recordWorkload(device(), workload).dispose()).filter(({ ways }) => ways.length > 1);
    if (!open) throw new Error("internal: no shape has a choice.");
    const stages: string[] = [];
    const { ceilings, plain, machine, choice } = await profileWorkload(device(), workload, {
      roentgen: "0.1.0", runtime: "a test", repeats: 2, machine: { cores: 2, load: () => loads.shift() ?? NaN },
      tuning: { winners: new Map([[open.key, "plain"], ["another shape", "plain"]]), date: "2026-11-20" }, onProgress: (stage) => stages.at(-1) !== stage && stages.push(stage),
    });
    expect(stages).toEqual(["record", "ceilings", "compile", "time", "ceilings"]);
    expect(ceilings.rounds.length).toBe(2);
    expect(ceilings.gflopPerSecond).toBe(Math.max(...ceilings.rounds.map((round) => round.gflopPerSecond)));
    // Of four plain runs, of which two are the middle ones.
    expect(plain.leastMs < plain.wallMs && plain.wallMs < plain.mostMs).toBe(true);
    expect(machine).toEqual({ cores: 2, load: { start: 1.5, end: 2.5 } });
    expect(choice).toMatchObject({ tuned: { [open.key]: "plain" }, date: "2026-11-20" });
    expect(choice.shapes).toBeGreaterThan(5);
  });
});
