import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { withDevice } from "@roentgen/tensor/testing/node";
import { expect, it } from "vitest";
import { batchAt, smallTraining } from "./small-training.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Pages that malloc keeps come and go. A leak of one activation (0.25 MB) a step would be 50 MB. */
const allowedGrowthBytes = 10e6;

withDevice("training for long", (device) => {
  it("holds the same bytes on the device and in the process after 300 steps as after 100", async () => {
    const training = smallTraining(device(), 1);
    const step = training.record();
    const batches = Array.from({ length: 8 }, (_, i) => batchAt(1, i));
    const held = new Set<number>();
    let atHundred = 0;
    const residentBytes = async () => {
      await device().idle();
      collectGarbage();
      return process.memoryUsage.rss();
    };
    const seen: number[] = [];
    for (let i = 1; i <= 300; i++) {
      step.run(...(batches[i % batches.length] as (typeof batches)[number]));
      if (i % 10 === 0) seen.push(...(await training.losses.read()));
      if (i >= 100) held.add(device().heldBytes);
      if (i === 100) atHundred = await residentBytes();
    }
    const growth = (await residentBytes()) - atHundred;
    step.dispose();
    training.dispose();
    expect(seen).toHaveLength(300);
    expect(seen.every(Number.isFinite)).toBe(true);
    expect([...held]).toHaveLength(1);
    expect(growth).toBeLessThan(allowedGrowthBytes);
  }, 300_000);

  it("gives everything back: plan, optimiser and model", async () => {
    device().trim();
    const before = device().heldBytes;
    const training = smallTraining(device(), 2);
    const step = training.record();
    step.run(...batchAt(2, 0));
    await device().idle();
    expect(device().heldBytes).toBeGreaterThan(before + 100e6);
    step.dispose();
    training.dispose();
    device().trim();
    expect(device().heldBytes).toBe(before);
  });
});
