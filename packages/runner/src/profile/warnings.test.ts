import { describe, expect, it } from "vitest";
import type { Profile } from "@roentgen/gpu";
import { ceilings, dispatches, plainly, profile, report, timing } from "./profile.fixture.ts";
import { type AboutProfile, profileReport } from "./profile-report.ts";

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
    ["the host is the slow part", plainly(14, 14, 14, { encodeMs: 9, submitMs: 1 }), /host takes 10.00 ms to encode and submit/],
    ["a plain run takes longer than its dispatches", plainly(30, 30, 30, { encodeMs: 1, submitMs: 1 }), /plain run takes 30.00 ms, its dispatches alone 13.00 ms/],
    ["dispatches take longer one by one than a plain run", plainly(3.4), /one by one take 13.00 ms together, a plain run 3.40 ms/],
    ["times vary", { ...profile, dispatches: dispatches.map((d) => ({ ...d, mostMs: 3 * d.leastMs })) }, /^6 long dispatches vary by more than twofold between repeats, fc linear matmul.forward from 4.000 to 12.000 ms$/m],
  ])("say when %s", (_, changed, expected) => {
    expect(report(changed).warnings.map((w) => w.what).join("\n")).toMatch(expected);
  });

  it("say when the machine was not the same all along, or was busy", () => {
    const words = (of: Profile, machine: AboutProfile["machine"]) => report(of, machine ? { machine } : {}).warnings.filter((w) => w.kernel === null).map((w) => w.what);
    expect(words(plainly(13.5, 13, 14), { cores: 2, load: { start: 1.9, end: 3 } })).toEqual([]);
    expect(words(plainly(13.5, 13, 20), { cores: 2, load: { start: 5.06, end: 5.5 } })).toEqual([
      "plain runs took 13.00 to 20.00 ms", "the machine was busy: load average 5.1 on 2 cores before anything was measured",
    ]);
  });

  it("doubt a roof that dispatches pass, however short they are, and name the one that passes it most", () => {
    const [reduction, short] = [timing("gradients sum-slices.forward", 1, 0, 2e7), timing("fc linear grad sum-slices.forward", 0.11, 0, 2.4e6, { requires: [] })];
    const above = (...more: (typeof reduction)[]) => report({ ...profile, dispatches: [...dispatches, ...more], totalMs: 14 }).warnings.at(-1)?.what;
    expect(above(reduction)).toBe("1 dispatch, 7.1 % of the time, is faster than the roof allows, so the roof is too low: gradients sum-slices.forward reaches 200 % of its memory roof");
    expect(above(short)).toBe("1 dispatch, 0.8 % of the time, is faster than the roof allows, so the roof is too low: fc linear grad sum-slices.forward reaches 218 % of its memory roof");
    expect(above(reduction, short)).toContain("2 dispatches, 7.9 % of the time, are faster");
    // An empty dispatch takes 0.1 ms here.
    expect(above(timing("a b tiny.forward", 0.05, 0, 10))).not.toContain("faster");
  });

  it("put what is low and light, and what its kernel's mean hides, into one line", () => {
    const more = [timing("big conv2d conv2d.tiled.forward", 65, 5e9, 1e6), timing("a b light.forward", 0.6, 0, 10), timing("layer4.1.conv2 conv2d conv2d.lanes.forward", 1, 1e7, 1e5)];
    const found = report({ ...profile, dispatches: [...dispatches, ...more], totalMs: 80 }).warnings.filter((w) => w.what.includes("below"));
    expect(found).toEqual([{
      kernel: null, what: "another 2 dispatches of 2 kernels are below 20 % of the roof, 1.600 ms or 2.0 % of the time together",
      lookAt: ["the one that loses most: layer4.1.conv2 conv2d conv2d.lanes.forward, 10 % of its compute roof in 1.000 ms"],
    }]);
  });

  it("pass on doubts about the ceilings", () => {
    const { adapter, choice, workload, roentgen, runtime } = report();
    const doubted = profileReport(profile, { ...ceilings, doubts: ["copy: 4.0e+6 took no time by this clock"] }, { adapter, choice, workload, roentgen, runtime });
    expect(doubted.warnings.at(-1)).toMatchObject({ kernel: null, lookAt: ["copy: 4.0e+6 took no time by this clock", "measure again with nothing else running"] });
  });
});
