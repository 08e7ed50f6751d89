import { describe, expect, it } from "vitest";
import { chromeTrace, type TraceEvent } from "./chrome-trace.ts";
import { dispatches, profile, report } from "./profile.fixture.ts";

const { traceEvents } = chromeTrace(report());
const slices = (pid: number, events = traceEvents): TraceEvent[] => events.filter((e) => e.ph === "X" && e.pid === pid);
const [ts, end] = [(e: TraceEvent): number => e.ts ?? NaN, (e: TraceEvent): number => Math.round(1000 * ((e.ts ?? NaN) + (e.dur ?? NaN))) / 1000];

describe("a trace", () => {
  it("has the fields that the format asks for", () => {
    for (const event of traceEvents) {
      expect(event).toMatchObject({ name: expect.stringMatching(/./), ph: expect.stringMatching(/^[XCMsf]$/), pid: expect.any(Number), tid: expect.any(Number), args: expect.any(Object) });
      if (event.ph !== "M") expect(event.ts).toBeGreaterThanOrEqual(0);
      if (event.ph === "X") expect(event.dur).toBeGreaterThanOrEqual(0);
    }
    expect(JSON.parse(JSON.stringify(chromeTrace(report())))).toEqual(chromeTrace(report()));
  });

  it("leads from where the host encoded a dispatch to where the device ran it", () => {
    const within = (slice: TraceEvent | undefined, at: TraceEvent | undefined) => ts(at as TraceEvent) >= ts(slice as TraceEvent) && ts(at as TraceEvent) <= end(slice as TraceEvent);
    for (const [i, { label }] of dispatches.entries()) {
      const [from, to] = ["s", "f"].map((ph) => traceEvents.find((e) => e.ph === ph && e.id === i));
      const [encoded, ran] = [1, 2].map((pid) => slices(pid).find((e) => e.name === label && e.args.dispatch === i));
      expect([within(encoded, from), within(ran, to), from?.pid, to?.pid, to?.bp], label).toEqual([true, true, 1, 2, "e"]);
    }
  });

  it.each([[1], [2]])("is in order, and slices of track %d lie inside each other or apart", (pid) => {
    const open: TraceEvent[] = [];
    let before = 0;
    for (const event of slices(pid)) {
      expect(ts(event)).toBeGreaterThanOrEqual(before);
      before = ts(event);
      while (open.length > 0 && end(open.at(-1) as TraceEvent) <= ts(event)) open.pop();
      const parent = open.at(-1);
      if (parent) expect(end(event), `${event.name} in ${parent.name}`).toBeLessThanOrEqual(end(parent));
      open.push(event);
    }
  });

  it("shows the host's encoding, then the device's dispatches in their layers in their phases", () => {
    expect(slices(1).map((e) => e.name)).toEqual(["encode", ...dispatches.map((d) => d.label), "submit"]);
    expect(slices(2).map((e) => [e.cat, e.name])).toEqual([
      ["phase", "forward"],
      ["layer", "layer1.0.conv1"], ["conv2d.lanes.forward", dispatches[0]?.label],
      ["layer", "layer1.0.bn1"], ["batch-norm.normalise", dispatches[1]?.label],
      ["layer", "fc"], ["matmul.forward", dispatches[2]?.label],
      ["layer", "crossEntropy"], ["cross-entropy.forward", dispatches[3]?.label],
      ["phase", "backward"],
      ["layer", "layer1.0.conv1 grad"], ["conv2d.lanes.backward_x", dispatches[4]?.label], ["sum-slices.forward", dispatches[5]?.label],
      ["phase", "update"],
      ["layer", "optimizer"], ["optimizer.adam", dispatches[6]?.label],
    ]);
    // Two milliseconds, begun when the submit ended: 0.02 ms of encoding and 0.03 of submitting.
    expect(slices(2)[2]).toMatchObject({ ts: 50, dur: 2000, args: { "nearest roof": "compute", "of roof": 0.5 } });
  });

  it("counts the bytes alive at each dispatch", () => {
    const mebibytes = traceEvents.filter((e) => e.ph === "C").map((e) => (e.args.bytes as number) / 2 ** 20);
    expect(mebibytes).toEqual([5, 4, 4, 4, 4, 3, 3]);
    expect(mebibytes[0]).toBe(profile.memory.peakLiveBytes / 2 ** 20);
  });
});
