import { describe, expect, it } from "vitest";
import { groupBy, judge, memoryRoof, placeOf, roofOf } from "./judge.ts";
import { ceilings, dispatches, report, timing } from "./profile.fixture.ts";

describe("the roof of a dispatch, by hand", () => {
  it.each([
    ["10^8 operations at 100 GFLOP/s are 1 ms", { flops: 1e8, bytes: 2e6, requires: [] }, "compute", 1],
    ["8 MB at 10 GB/s are 0.8 ms", { flops: 1e6, bytes: 8e6, requires: [] }, "memory", 0.8],
    ["next to nothing is a launch", { flops: 10, bytes: 40, requires: [] }, "launch", 0.1],
    ["storing 16-bit floats makes no faster arithmetic", { flops: 1e8, bytes: 2e6, requires: ["f16"] }, "compute", 1],
    ["matrix units are held against 16-bit arithmetic", { flops: 1e8, bytes: 2e6, requires: ["f16", "chromium_experimental_subgroup_matrix"] }, "compute", 0.5],
  ] as const)("%s", (_, work, bound, roofMs) => {
    const roof = roofOf(work, ceilings);
    expect(roof.bound).toBe(bound);
    expect(roof.roofMs).toBeCloseTo(roofMs, 12);
  });

  it.each([
    ["fits the smaller copy's cache", 2 * 2 ** 20, 20],
    ["does not", 2 * 2 ** 20 + 1, 10],
    ["is larger than every copy", 1e9, 10],
  ])("lies at the copy of its size: what %s", (_, bytes, gigabytesPerSecond) => {
    expect(memoryRoof(ceilings, bytes)).toBeCloseTo(gigabytesPerSecond, 12);
  });
});

it.each([
  ["layer1.0.conv1 conv2d conv2d.lanes.forward", "forward", "layer1.0.conv1", "conv2d"],
  ["layer1.0.conv1 conv2d grad conv2d.lanes.backward_x", "backward", "layer1.0.conv1 grad", "conv2d grad"],
  ["layer1.0.conv1 conv2d grad sum-slices.forward", "backward", "layer1.0.conv1 grad", "conv2d grad"],
  ["crossEntropy cross-entropy.forward", "forward", "crossEntropy", "crossEntropy"],
  ["crossEntropy grad cross-entropy.backward", "backward", "crossEntropy grad", "crossEntropy grad"],
  ["gradients sum-slices.joined.forward", "backward", "gradients", "gradients"],
  ["optimizer optimizer.adam", "update", "optimizer", "optimizer"],
  ["fill.forward", "forward", "fill", "fill"],
])("places %s", (label, phase, layer, op) => {
  expect(placeOf({ label, kernel: label.split(" ").at(-1) ?? "" })).toEqual({ phase, layer, op });
});

describe("groups", () => {
  it("sum time, work and roofs, slowest first, under the wall that holds most of the time", () => {
    const [conv, ...rest] = groupBy(dispatches.map((d) => judge(d, ceilings)), (d) => d.layer.replace(" grad", ""));
    expect(conv).toMatchObject({ name: "layer1.0.conv1", dispatches: 3, flops: 2e8, bytes: 6e6, bound: "compute" });
    expect(conv?.timeMs).toBeCloseTo(4.8, 12);
    expect(conv?.roofMs).toBeCloseTo(1 + 1 + 0.1, 12);
    expect(conv?.ofRoof).toBeCloseTo(2.1 / 4.8, 12);
    expect(conv?.share).toBeCloseTo(4.8 / 13, 12);
    expect(conv?.gflopPerSecond).toBeCloseTo(200 / 4.8, 12);
    expect(rest.map((g) => g.name)).toEqual(["fc", "optimizer", "layer1.0.bn1", "crossEntropy"]);
  });

  it("cover the whole, however grouped", () => {
    const { phases, ops, layers, kernels, totalMs, roofMs } = report();
    for (const groups of [phases, ops, layers, kernels]) {
      expect(groups.reduce((sum, g) => sum + g.timeMs, 0)).toBeCloseTo(totalMs, 9);
      expect(groups.reduce((sum, g) => sum + g.roofMs, 0)).toBeCloseTo(roofMs, 9);
      expect(groups.reduce((sum, g) => sum + g.share, 0)).toBeCloseTo(1, 9);
    }
  });

  it("have no rate and no share where nothing took time", () => {
    expect(groupBy([judge(timing("a b", 0, 5, 5, { gflopPerSecond: 0, gigabytesPerSecond: 0 }), ceilings)], (d) => d.kernel)[0]).toMatchObject({ share: 0, ofRoof: 0, gflopPerSecond: 0, gigabytesPerSecond: 0 });
  });
});
