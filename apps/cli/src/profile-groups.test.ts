import type { DispatchTiming, Profile } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { chromeTrace, groupBy, layerOf } from "./profile-groups.ts";

const timing = (label: string, kernel: string, startMs: number, timeMs: number, flops: number): DispatchTiming =>
  ({ label, kernel, grid: [2, 1, 1], startMs, timeMs, leastMs: timeMs, mostMs: timeMs, encodeStartMs: 0, encodeMs: 0, inARow: 1, requires: [], flops, bytes: 1e6, mostBytes: 1e6, gflopPerSecond: flops / timeMs / 1e6, gigabytesPerSecond: 1 / timeMs });

const measured: Profile = {
  plan: "train", repeats: 3, totalMs: 8, method: "pass", quantumNs: 1, runs: 5, plain: { encodeMs: 1, submitMs: 1, wallMs: 10 },
  memory: { slots: [], tenants: [], persistent: [], bytes: 0, peakLiveBytes: 0 },
  dispatches: [
    timing("layer1.0.conv1 conv2d conv2d.forward", "conv2d.forward", 0, 2, 4e6),
    timing("layer1.0.bn1 batchNorm batch-norm.statistics", "batch-norm.statistics", 1.5, 1, 0),
    timing("layer1.0.conv1 conv2d grad conv2d.backward_x", "conv2d.backward_x", 3, 3, 4e6),
    timing("fc linear conv2d.forward", "conv2d.forward", 7, 2, 2e6),
  ],
};

describe("groups of a profile", () => {
  it("sums a kernel's time, rates and share, slowest first", () => {
    expect(groupBy(measured, (d) => d.kernel)).toEqual([
      { name: "conv2d.forward", dispatches: 2, timeMs: 4, share: 0.5, gflopPerSecond: 1.5, gigabytesPerSecond: 0.5 },
      { name: "conv2d.backward_x", dispatches: 1, timeMs: 3, share: 0.375, gflopPerSecond: 4 / 3, gigabytesPerSecond: 1 / 3 },
      { name: "batch-norm.statistics", dispatches: 1, timeMs: 1, share: 0.125, gflopPerSecond: 0, gigabytesPerSecond: 1 },
    ]);
  });

  it("knows a layer's backward pass from its forward pass", () => {
    expect(measured.dispatches.map(layerOf)).toEqual(["layer1.0.conv1", "layer1.0.bn1", "layer1.0.conv1 grad", "fc"]);
  });

  it("has no rate and no share where nothing took time", () => {
    expect(groupBy({ ...measured, totalMs: 0, dispatches: [timing("a b", "b", 0, 0, 5)] }, (d) => d.kernel)[0]).toMatchObject({ share: 0, gflopPerSecond: 0, gigabytesPerSecond: 0 });
  });
});

describe("chromeTrace", () => {
  it("places dispatches in microseconds, none inside another", () => {
    const events = chromeTrace(measured, "llvmpipe").traceEvents.filter((e) => e.ph === "X");
    expect(events.map((e) => [e.name, e.ts, e.dur])).toEqual([
      ["layer1.0.conv1 conv2d conv2d.forward", 0, 1500],
      ["layer1.0.bn1 batchNorm batch-norm.statistics", 1500, 1000],
      ["layer1.0.conv1 conv2d grad conv2d.backward_x", 3000, 3000],
      ["fc linear conv2d.forward", 7000, 2000],
    ]);
  });

  it("names the adapter and the plan, and keeps the measured times", () => {
    const { traceEvents } = chromeTrace(measured, "llvmpipe");
    expect(traceEvents.slice(0, 2).map((e) => e.args.name)).toEqual(["llvmpipe", "plan train"]);
    expect(traceEvents[2]?.args).toMatchObject({ medianMs: 2, grid: "2x1x1", flops: 4e6 });
  });
});
