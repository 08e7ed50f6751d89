import { Rng } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { compareProfiles, regressions } from "./compare.ts";
import { parseProfile } from "./parse-profile.ts";
import { dispatches, plainly, profile, report, sampled, taking, timing } from "./profile.fixture.ts";
import { comparisonTables } from "./tables.ts";

const before = report();
/** The convolution got a kernel of its own and half the time; batch norm takes 1.5 times as long. */
const changed = dispatches.map((d) => (d.label.endsWith("lanes.forward") ? timing("layer1.0.conv1 conv2d winograd.forward", 1, 1e8, 2e6) : d.label.includes("bn1") ? sampled(d, 1.5) : d));
const after = report({ ...taking(12.5), dispatches: changed, plain: plainly(12.9).plain });

describe("two profiles", () => {
  const comparison = compareProfiles(before, after);

  it("differ by kernel and by layer, the greatest change first", () => {
    expect(comparison.kernels.slice(0, 3)).toEqual([
      { name: "conv2d.lanes.forward", beforeMs: 2, afterMs: null, ratio: null, clearlySlower: false, expected: 1, dispatches: [1, 0] },
      { name: "winograd.forward", beforeMs: null, afterMs: 1, ratio: null, clearlySlower: false, expected: 1, dispatches: [0, 1] },
      { name: "batch-norm.normalise", beforeMs: 1, afterMs: 1.5, ratio: 1.5, clearlySlower: true, expected: 1, dispatches: [1, 1] },
    ]);
    expect(comparison.layers.slice(0, 2)).toEqual([
      { name: "layer1.0.conv1", beforeMs: 2, afterMs: 1, ratio: 0.5, clearlySlower: false, expected: 1, dispatches: [1, 1] },
      { name: "layer1.0.bn1", beforeMs: 1, afterMs: 1.5, ratio: 1.5, clearlySlower: true, expected: 1, dispatches: [1, 1] },
    ]);
    expect(comparison.total).toMatchObject({ beforeMs: 13, afterMs: 12.5, dispatches: [7, 7] });
    expect(comparison.differences).toEqual([]);
  });

  it("say which dispatches came and went, and how often", () => {
    expect(comparison.appeared).toEqual([{ name: "layer1.0.conv1 conv2d winograd.forward", timeMs: 1, dispatches: 1 }]);
    expect(comparison.vanished).toEqual([{ name: "layer1.0.conv1 conv2d conv2d.lanes.forward", timeMs: 2, dispatches: 1 }]);
    const [first] = dispatches;
    const twice = report({ ...profile, dispatches: [...dispatches, ...(first ? [first] : [])] });
    expect(compareProfiles(before, twice).appeared).toEqual([{ name: first?.label, timeMs: 2, dispatches: 1 }]);
  });

  it("fail on what got slower by more than the limit: the whole, and layers of weight", () => {
    expect(regressions(comparison, 0.1).map((c) => c.name)).toEqual(["layer1.0.bn1"]);
    expect(regressions(comparison, 0.5)).toEqual([]);
    expect(regressions(compareProfiles(after, report(taking(20))), 0.1).map((c) => c.name)).toEqual(["dispatches", "layer1.0.conv1"]);
    // The loss holds 1.5 % of the time: its doubling is noise.
    const noisy = report({ ...profile, dispatches: dispatches.map((d) => (d.label.startsWith("cross") ? { ...d, timeMs: 0.4 } : d)) });
    expect(regressions(compareProfiles(before, noisy), 0.1)).toEqual([]);
  });

  it("fail on a plain run that got slower alone", () => {
    const waiting = report(plainly(18, 17, 19));
    expect(regressions(compareProfiles(before, waiting), 0.1).map((c) => c.name)).toEqual(["plain run"]);
    expect(regressions(compareProfiles(report(plainly(15, 13, 17.5)), waiting), 0.1)).toEqual([]);
  });

  it("do not fail where repeats of the same work overlap", () => {
    const spread = (factor: number) => report({ ...taking(13 * factor, 0.9 * 13, 2 * 13), dispatches: dispatches.map((d) => sampled(d, factor * d.timeMs, [0.9 * d.timeMs, 2 * d.timeMs])) });
    expect(regressions(compareProfiles(spread(1), spread(1.8)), 0.1)).toEqual([]);
    const old = JSON.parse(JSON.stringify(before, (key, value: unknown) => (key === "leastMs" || key === "mostMs" ? undefined : value))) as typeof before;
    expect(regressions(compareProfiles(parseProfile(JSON.stringify(old), "old.json"), report(taking(20))), 0.1).map((c) => c.name)).toEqual(["dispatches"]);
  });

  it("fail where all repeats of the whole, or of a layer, are slower, though single dispatches overlap", () => {
    // Sixty dispatches that vary by a tenth, each on its own: the totals vary by a hundredth.
    const rng = new Rng(7);
    const repeats = (factor: number) => {
      const many = Array.from({ length: 60 }, (_, i) => sampled(timing(`layer${i % 4} conv2d conv2d.forward`, 1, 0, 0), factor, Array.from({ length: 5 }, () => factor * rng.uniform(0.9, 1.1))));
      const all = [0, 1, 2, 3, 4].map((repeat) => many.reduce((sum, d) => sum + (d.samplesMs[repeat] ?? 0), 0));
      return report({ ...taking(60 * factor, Math.min(...all), Math.max(...all)), dispatches: many });
    };
    expect(regressions(compareProfiles(repeats(1), repeats(1.12)), 0.1).map((c) => c.name).sort()).toEqual(["dispatches", "layer0", "layer1", "layer2", "layer3"]);
  });

  it("do not fail on what a slower machine explains", () => {
    const twice = report({ ...taking(26), dispatches: dispatches.map((d) => sampled(d, 2 * d.timeMs)) });
    expect(regressions(compareProfiles(before, twice), 0.1).map((c) => c.name)).toContain("dispatches");
    const slowedTo = (share: { compute?: number; memory?: number }) => {
      const { compute = 1, memory = 1 } = share;
      return regressions(compareProfiles(before, { ...twice, ceilings: { ...twice.ceilings, gflopPerSecond: compute * twice.ceilings.gflopPerSecond, gigabytesPerSecond: memory * twice.ceilings.gigabytesPerSecond } }), 0.1).map((c) => c.name);
    };
    expect(slowedTo({ compute: 0.5, memory: 0.5 })).toEqual([]);
    // Slower copies do not excuse arithmetic, nor the other way round.
    expect(slowedTo({ memory: 0.1 })).toContain("layer1.0.conv1");
    expect(slowedTo({ compute: 0.1 }).length).toBeGreaterThan(0);
    expect(regressions(compareProfiles(before, { ...twice, ceilings: { ...twice.ceilings, gflopPerSecond: 90 } }), 0.1).map((c) => c.name)).toContain("dispatches");
  });

  it("of other work, another adapter or a slower machine say so", () => {
    const other = { ...after, workload: { ...after.workload, batch: 8 }, adapter: { ...after.adapter, description: "NVIDIA H200", toggles: [] }, ceilings: { ...after.ceilings, gflopPerSecond: 50 } };
    expect(compareProfiles(before, other).differences).toEqual([
      "work: resnet18, training step with Adam, batch 4, 64 px before, resnet18, training step with Adam, batch 8, 64 px now",
      "adapter: llvmpipe <16> before, NVIDIA H200 now",
      "toggles: -timestamp_quantization before, none now",
      "speed of the machine: 50.0 GFLOP/s at its best, 100.0 before; other work, or other clocks",
    ]);
  });

  it.each([
    ["none before", {}, ["choice of kernels: by rule before; now 1 of 3 shapes tuned (2026-11-20), the rest by rule"]],
    ["another winner", { "conv2d.forward f32": "lanes" }, ["choice of kernels: 1 of 3 shapes tuned (2026-11-18), the rest by rule before; now 1 of 3 shapes tuned (2026-11-20), the rest by rule"]],
    ["the same winner, found on another day", { "conv2d.forward f32": "winograd" }, []],
  ] as const)("say when the choice of kernels differs: %s", (_, tuned, differences) => {
    const [old, now] = [report(profile, { choice: { shapes: 3, tuned, date: Object.keys(tuned).length > 0 ? "2026-11-18" : null } }), report(profile, { choice: { shapes: 3, tuned: { "conv2d.forward f32": "winograd" }, date: "2026-11-20" } })];
    expect(compareProfiles(parseProfile(JSON.stringify(old), "old.json"), now).differences).toEqual(differences);
  });

  it("make tables", () => {
    const [whole, kernels] = comparisonTables(comparison, 3);
    expect(whole?.rows).toEqual([["dispatches", "13.000", "12.500", "0.96", "7"], ["plain run", "13.500", "12.900", "0.96", "7"]]);
    expect(kernels).toMatchObject({ title: "Before and after, by kernel (3 of 8, greatest difference first)", rows: [["conv2d.lanes.forward", "2.000", "", "gone", "1 to 0"], ["winograd.forward", "", "1.000", "new", "0 to 1"], ["batch-norm.normalise", "1.000", "1.500", "1.50", "1"]] });
  });
});

describe("an earlier profile's file", () => {
  it("gives back what a comparison needs", () => {
    expect(compareProfiles(parseProfile(JSON.stringify(before), "old.json"), after)).toEqual(compareProfiles(before, after));
  });

  it.each([
    ["no JSON", "{", /old\.json: is no JSON/],
    ["another file", '{"dependencies":{}}', /old\.json: is not a profile that this version wrote:\n {2}format/],
    ["a time that is none", JSON.stringify({ ...before, totalMs: "13" }), /totalMs: /],
    ["a negative time", JSON.stringify({ ...before, kernels: [{ name: "a", timeMs: -1, dispatches: 1 }] }), /kernels\.0\.timeMs/],
  ])("that is %s is refused", (_, text, message) => {
    expect(() => parseProfile(text, "old.json")).toThrow(message);
  });
});
