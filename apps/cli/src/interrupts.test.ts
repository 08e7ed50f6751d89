import { afterEach, describe, expect, it } from "vitest";
import { catchInterrupts, type Interrupts } from "./interrupts.ts";

describe("catchInterrupts", () => {
  let caught: Interrupts | undefined;
  afterEach(() => caught?.release());

  it.each([
    ["SIGINT", 130, "Ctrl-C again leaves at once"],
    ["SIGTERM", 143, "Got SIGTERM"],
    ["SIGHUP", 129, "Got SIGHUP"],
  ] as const)("asks at the first %s and leaves with %d at the second", (name, code, said) => {
    const told: string[] = [];
    const left: number[] = [];
    const before = process.listenerCount(name);
    caught = catchInterrupts((text) => told.push(text), (status) => left.push(status));
    expect(caught.exitCode).toBeUndefined();
    process.emit(name);
    expect([caught.signal.aborted, caught.exitCode, left]).toEqual([true, code, []]);
    process.emit(name);
    expect(left).toEqual([code]);
    expect(told).toEqual([expect.stringContaining(said)]);
    caught.release();
    expect(process.listenerCount(name)).toBe(before);
  });

  it("says what is still done", () => {
    const told: string[] = [];
    caught = catchInterrupts((text) => told.push(text), () => undefined, "finishing this batch");
    process.emit("SIGINT");
    expect(told).toEqual(["Finishing this batch; Ctrl-C again leaves at once."]);
  });
});
