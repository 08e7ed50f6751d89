import { describe, expect, it } from "vitest";
import { ceilings, dispatches, profile, report, timing } from "./profile.fixture.ts";
import { profileReport } from "./profile-report.ts";

describe("warnings", () => {
  it("name kernels of weight under a fifth of their roof, and say where to look", () => {
    expect(report().warnings).toEqual([
      { kernel: "matmul.forward", what: "matmul.forward reaches 10 % of its compute roof and takes 31 % of the time", lookAt: [
        "family: this is the plain kernel; a shape outside every fast family's, or a device that none was chosen for",
        "inner loop: divisions, bounds and guards in it, register tiles too small to reuse a load, barriers on a software adapter",
      ] },
    ]);
  });

  it.each([
    ["few workgroups", timing("fc linear matmul.tiled.forward", 40, 4e7, 1e6, { grid: [2, 2, 1] }), /fewer than 8 workgroups \(4 at least\)/],
    ["updates in place", timing("a b c.forward", 40, 0, 4e6, { mostBytes: 8e6 }), /counted once/],
    ["memory", timing("a b c.forward", 40, 0, 4e6), /neighbouring threads/],
  ])("see %s", (_, slow, expected) => {
    expect(report({ ...profile, dispatches: [...dispatches, slow], totalMs: 53 }).warnings.flatMap((w) => w.lookAt).join("\n")).toMatch(expected);
  });

  it("see a crowd of dispatches that are little more than launches", () => {
    const crowd = Array.from({ length: 40 }, () => timing("a b tiny.forward", 0.25, 0, 10)).concat(timing("a b tiny.forward", 20, 0, 10));
    expect(report({ ...profile, dispatches: [...dispatches, ...crowd], totalMs: 43 }).warnings.flatMap((w) => w.lookAt).join("\n")).toMatch(/launches: 40 of 41 dispatches/);
  });

  it.each([
    ["the host is the slow part", { ...profile, plain: { encodeMs: 9, submitMs: 1, wallMs: 14 } }, /host takes 10.00 ms to encode and submit/],
    ["a plain run takes longer than its dispatches", { ...profile, plain: { encodeMs: 1, submitMs: 1, wallMs: 30 } }, /plain run takes 30.00 ms, its dispatches alone 13.00 ms/],
    ["dispatches take longer one by one than a plain run", { ...profile, plain: { encodeMs: 0.02, submitMs: 0.03, wallMs: 3.4 } }, /one by one take 13.00 ms together, a plain run 3.40 ms/],
    ["times vary", { ...profile, dispatches: dispatches.map((d) => ({ ...d, mostMs: 3 * d.leastMs })) }, /vary by more than twofold/],
  ])("say when %s", (_, changed, expected) => {
    expect(report(changed).warnings.map((w) => w.what).join("\n")).toMatch(expected);
  });

  it("say when the machine was not the same all along, or was busy", () => {
    const words = (more: Parameters<typeof report>[1]) => report(profile, more).warnings.filter((w) => w.kernel === null).map((w) => w.what);
    expect(words({ walls: [13, 14], machine: { cores: 2, load: { start: 1.9, end: 3 } } })).toEqual([]);
    expect(words({ walls: [13, 20], machine: { cores: 2, load: { start: 5.06, end: 5.5 } } })).toEqual([
      "plain runs took 13.00 to 20.00 ms", "the machine was busy: load average 5.1 on 2 cores before anything was measured",
    ]);
  });

  it("doubt a roof that dispatches pass", () => {
    const fast = timing("optimizer optimizer.sgd", 1, 0, 2e7);
    expect(report({ ...profile, dispatches: [...dispatches, fast], totalMs: 14 }).warnings.at(-1)?.what).toBe("1 long dispatches are faster than their roof, so the roof is too low");
  });

  it("pass on doubts about the ceilings", () => {
    const { adapter, workload, roentgen, runtime } = report();
    const doubted = profileReport(profile, { ...ceilings, doubts: ["copy: 4.0e+6 took no time by this clock"] }, { adapter, workload, roentgen, runtime });
    expect(doubted.warnings.at(-1)).toMatchObject({ kernel: null, lookAt: ["copy: 4.0e+6 took no time by this clock", "measure again with nothing else running"] });
  });
});
