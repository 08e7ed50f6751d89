import type { EpochRecord, StudyEvent, TrialResult } from "@roentgen/runner";
import { describe, expect, it } from "vitest";
import { showProgress } from "./progress.ts";

const record = (epoch: number): EpochRecord => ({ epoch, rate: 1e-3, trainLoss: 0.5, validationLoss: 0.25, seconds: 2, imagesPerSecond: 31.25 });
const result = { headline: 0.9583, scores: { kind: "classification" }, bestEpoch: 1, epochs: [record(0), record(1)], seconds: 75 } as unknown as TrialResult;
const trial: StudyEvent = { kind: "trial", trial: "plane-random-0", index: 2, of: 12, epochs: 2, stepsPerEpoch: 10, resumedAt: 0 };
const step = (at: number, secondsLeft: number | null): StudyEvent => ({ kind: "step", trial: "plane-random-0", epoch: 0, step: at, stepsPerEpoch: 10, loss: 0.61234, imagesPerSecond: 30, secondsLeft });

/** Shows events one second apart; gives all that was written. */
function show(events: readonly StudyEvent[], { isTerminal = false } = {}): string {
  let text = "";
  let seconds = 0;
  const stream = { isTTY: isTerminal, columns: 100, write: (part: string) => ((text += part), true) } as unknown as NodeJS.WriteStream;
  const progress = showProgress({ stream, isTerminal, now: () => 1000 * seconds });
  for (const event of events) {
    seconds++;
    progress.listener(event);
  }
  progress.stop();
  return text;
}

describe("progress in a log", () => {
  it("says what was chosen, what is missing and what is done", () => {
    expect(show([{ kind: "study", trials: ["a", "b", "c"], done: ["a"], chosen: ["plane: ResNet-50, 64 px"], unavailable: { imagenet: "offline" } }])).toBe(
      "plane: ResNet-50, 64 px\nimagenet cannot be had: offline\n3 trials, 1 of them done before\n",
    );
  });

  it("tells a trial from its beginning to its score, with the time that is left", () => {
    expect(show([trial, ...Array.from({ length: 9 }, (_, i) => step(i + 1, 100 - i)), { kind: "epoch", trial: "plane-random-0", record: record(0), isBest: true }, { kind: "result", trial: "plane-random-0", result }])).toMatchInlineSnapshot(`
      "[3/12] plane-random-0: 2 epochs of 10 steps at most
        epoch 1, step 1 of 10: loss 0.6123, 30.0 images/s, 1 min 40 s left in all
        epoch 1, step 6 of 10: loss 0.6123, 30.0 images/s, 1 min 35 s left in all
        epoch 1: training 0.5000, validation 0.2500 (best), 31.3 images/s, 1 min 32 s left in all
        mean AUC 95.83 % on the test set, best epoch 2 of 2, 1 min 15 s
      "
    `);
  });

  it("writes at most one line in five seconds about steps", () => {
    const written = show([trial, ...Array.from({ length: 100 }, () => step(5, null))]);
    expect(written.split("\n").filter((line) => line.includes("step 5")).length).toBe(20);
  });

  it("says where it goes on", () => {
    expect(show([{ ...trial, resumedAt: 13 }])).toBe("[3/12] plane-random-0: 2 epochs of 10 steps at most, going on after step 13\n");
  });

  it("shows a loss that is not a number as what it is", () => {
    expect(show([step(1, null), { ...step(2, null), loss: Number.NaN } as StudyEvent, { kind: "note", text: "note" }])).toContain("loss 0.6123");
    expect(show([{ ...step(2, null), loss: Number.NaN } as StudyEvent])).toContain("loss NaN");
  });
});

describe("progress on a terminal", () => {
  it("draws a bar, takes it away for a line, and leaves the cursor visible", () => {
    const written = show([trial, step(5, 90), { kind: "note", text: "the weights are here" }, { kind: "result", trial: "plane-random-0", result }], { isTerminal: true });
    expect(written).toContain("[3/12] plane-random-0");
    expect(written).toMatch(/█{6}░{18} epoch 1, loss 0\.6123, 30\.0 images\/s, 1 min 30 s left in all/);
    expect(written).toContain("the weights are here\n");
    expect(written).toContain("[3/12] plane-random-0: mean AUC 95.83 % on the test set, best epoch 2 of 2, 1 min 15 s\n");
    expect(written.lastIndexOf("\u001b[?25h")).toBeGreaterThan(written.lastIndexOf("\u001b[?25l"));
  });
});
