import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DispatchTiming, Profile, RepeatedCeilings } from "@roentgen/gpu";
import { compareProfiles, type KernelChoice, profileReport } from "@roentgen/runner";
import { afterAll, describe, expect, it } from "vitest";
import { formatProfile, profileModel } from "./profile.ts";

const dispatch = (label: string, timeMs: number, flops: number): DispatchTiming => ({
  label, kernel: label.split(" ").at(-1) ?? "", grid: [4, 2, 1], startMs: 0, samplesMs: [timeMs], timeMs, leastMs: timeMs, mostMs: timeMs, encodeStartMs: 0, encodeMs: 0, inARow: 1, requires: [],
  flops, bytes: 2e6, mostBytes: 2e6, copiedBytes: 0, gflopPerSecond: flops / timeMs / 1e6, gigabytesPerSecond: 2 / timeMs,
});
const ceilings: RepeatedCeilings = { gflopPerSecond: 3, halfGflopPerSecond: null, gigabytesPerSecond: 4, cachedGigabytesPerSecond: 4, launchMs: 0.05, samples: { f32: [], f16: [], copy: [] }, rounds: [], doubts: [] };
const reportOf = (dispatches: readonly DispatchTiming[], choice: KernelChoice = { shapes: 2, tuned: {}, date: null }) => {
  const totalMs = dispatches.reduce((sum, d) => sum + d.timeMs, 0);
  const profile: Profile = { plan: "train", repeats: 5, method: "pass", quantumNs: 1, runs: 9, dispatches, totalMs, leastMs: totalMs, mostMs: totalMs, plain: { encodeMs: 0.1, submitMs: 0.2, wallMs: totalMs + 1, leastMs: totalMs + 1, mostMs: totalMs + 1 }, memory: { slots: [], tenants: [], persistent: [], bytes: 0, peakLiveBytes: 0 } };
  const adapter = { vendor: "mesa", architecture: "", device: "llvmpipe", description: "llvmpipe", software: true, toggles: ["-timestamp_quantization"], platform: "node" } as const;
  return profileReport(profile, ceilings, { roentgen: "0.1.0", runtime: "Node", workload: { model: "resnet18", train: true, batch: 4, size: 64 }, adapter, choice });
};
const dispatches = [dispatch("conv1 conv2d conv2d.lanes.forward", 6, 9e6), dispatch("bn1 batchNorm batch-norm.normalise", 2, 0), dispatch("conv1 conv2d grad conv2d.backward_weight", 24, 9e6)];

const folder = mkdtempSync(join(tmpdir(), "roentgen-profile-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("roentgen profile", () => {
  it("prints what was measured on what, tables, and what to look at", () => {
    expect(formatProfile(reportOf(dispatches), { top: 2, comparison: null })).toMatchInlineSnapshot(`
      "resnet18, training step with Adam, batch 4, 64 px
      on llvmpipe, software; toggles -timestamp_quantization; kernels: by rule
      Median of 5, by GPU timestamps, one pass for each dispatch, in steps of 1 ns.
      ceilings: 3.0 GFLOP/s in f32, 4.0 GB/s copied, 0.050 ms for an empty dispatch
      3 dispatches, 32.000 ms on the device, 125.0 images/s without gaps; the ceilings allow 6.500 ms
      a plain run takes 33.000 ms: 0.100 to encode, 0.200 to submit; 33.000 to 33.000 over all plain runs
      memory: 0.0 KiB live at the peak, 0 slots of 0.0 KiB, textures and uniforms 0.0 KiB, weights and other state 0.0 KiB: 0.0 KiB in all

      By phase
      phase     dispatches      ms   share  GFLOP/s  GB/s  of roof  nearest roof
      --------  ----------  ------  ------  -------  ----  -------  ------------
      backward           1  24.000  75.0 %      0.4   0.1   12.5 %  compute
      forward            2   8.000  25.0 %      1.1   0.5   43.8 %  compute

      By op
      op           dispatches      ms   share  GFLOP/s  GB/s  of roof  nearest roof
      -----------  ----------  ------  ------  -------  ----  -------  ------------
      conv2d grad           1  24.000  75.0 %      0.4   0.1   12.5 %  compute
      conv2d                1   6.000  18.8 %      1.5   0.3   50.0 %  compute
      batchNorm             1   2.000   6.3 %            1.0   25.0 %  memory

      By kernel
      kernel                  dispatches      ms   share  GFLOP/s  GB/s  of roof  nearest roof
      ----------------------  ----------  ------  ------  -------  ----  -------  ------------
      conv2d.backward_weight           1  24.000  75.0 %      0.4   0.1   12.5 %  compute
      conv2d.lanes.forward             1   6.000  18.8 %      1.5   0.3   50.0 %  compute
      batch-norm.normalise             1   2.000   6.3 %            1.0   25.0 %  memory

      By layer (2 of 3, slowest first)
      layer       dispatches      ms   share  GFLOP/s  GB/s  of roof  nearest roof
      ----------  ----------  ------  ------  -------  ----  -------  ------------
      conv1 grad           1  24.000  75.0 %      0.4   0.1   12.5 %  compute
      conv1                1   6.000  18.8 %      1.5   0.3   50.0 %  compute

      By dispatch (2 of 3, slowest first)
      no.  dispatch                                  grid       ms     least to most   share  MFLOP    MB  GFLOP/s  GB/s  of roof  nearest roof
      ---  ----------------------------------------  -----  ------  ----------------  ------  -----  ----  -------  ----  -------  ------------
        2  conv1 conv2d grad conv2d.backward_weight  4x2x1  24.000  24.000 to 24.000  75.0 %    9.0  2.00      0.4   0.1   12.5 %  compute
        0  conv1 conv2d conv2d.lanes.forward         4x2x1   6.000    6.000 to 6.000  18.8 %    9.0  2.00      1.5   0.3   50.0 %  compute

      ! conv2d.backward_weight reaches 13 % of its compute roof and takes 75 % of the time
          family: this is the plain kernel; a shape outside every fast family's, or a device that none was chosen for
          inner loop: divisions, bounds and guards in it, register tiles too small to reuse a load, barriers on a software adapter"
    `);
  });

  it("prints before and after, and why the two may not be comparable", () => {
    const before = reportOf(dispatches);
    const after = reportOf([dispatch("conv1 conv2d winograd.forward", 3, 9e6), ...dispatches.slice(1)], { shapes: 2, tuned: { "conv2d.forward f32": "winograd" }, date: "2026-11-20" });
    const text = formatProfile(after, { top: 1, comparison: compareProfiles({ ...before, adapter: { ...before.adapter, toggles: [] } }, after) });
    expect(text.indexOf("! not the same toggles")).toBeLessThan(text.indexOf("By phase"));
    expect(text.slice(text.indexOf("Before and after\n"))).toMatchInlineSnapshot(`
      "Before and after
      whole       before ms  after ms  ratio  dispatches
      ----------  ---------  --------  -----  ----------
      dispatches     32.000    29.000   0.91           3
      plain run      33.000    30.000   0.91           3

      Before and after, by kernel (1 of 4, greatest difference first)
      kernel                before ms  after ms  ratio  dispatches
      --------------------  ---------  --------  -----  ----------
      conv2d.lanes.forward      6.000             gone      1 to 0

      Before and after, by layer (1 of 3, greatest difference first)
      layer  before ms  after ms  ratio  dispatches
      -----  ---------  --------  -----  ----------
      conv1      6.000     3.000   0.50           1

      Dispatches that appeared
      dispatch                       times     ms
      -----------------------------  -----  -----
      conv1 conv2d winograd.forward      1  3.000

      Dispatches that vanished
      dispatch                           times     ms
      ---------------------------------  -----  -----
      conv1 conv2d conv2d.lanes.forward      1  6.000"
    `);
    expect(text).toContain("! not the same toggles: none before, -timestamp_quantization now\n! not the same choice of kernels: by rule before; now 1 of 2 shapes tuned");
    expect(text).toContain("kernels: 1 of 2 shapes tuned (2026-11-20), the rest by rule\n");
  });

  it("cuts names only as far as the terminal is too narrow for them", () => {
    const long = "layer4.0.conv2 conv2d grad conv2d.lanes.images.winograd-few.backward_weight";
    const nameIn = (width?: number) => formatProfile(reportOf([dispatch(long, 6, 9e6)]), { top: 1, comparison: null, width }).split("\n").find((line) => line.includes("layer4.0.conv2 conv2d"))?.trim().split("  ")[1];
    expect(nameIn()).toBe(long);
    expect(nameIn(200)).toBe(long);
    expect(nameIn(165)?.length).toBeGreaterThan(56);
    expect(nameIn(165)?.length).toBeLessThan(long.length);
    expect(nameIn(80)?.length).toBe(56);
  });

  it("wants something to compare with before it may fail", async () => {
    await expect(profileModel("resnet18", { batch: 1, size: 32, repeats: 1, top: 1, failIfSlower: 0.1 })).rejects.toThrow("--compare old.json");
  });

  it("refuses a gate over other work before it measures", async () => {
    const before = join(folder, "before.json");
    writeFileSync(before, JSON.stringify(reportOf(dispatches)));
    await expect(profileModel("resnet18", { batch: 1, size: 32, repeats: 1, top: 1, compare: before, failIfSlower: 0.1 })).rejects.toThrow(
      `--fail-if-slower compares like with like: ${before} is of resnet18, training step with Adam, batch 4, 64 px, this would be of resnet18, forward pass, batch 1, 32 px. Profile the same`,
    );
  });

  writeFileSync(join(folder, "linked"), "");
  symlinkSync(join(folder, "linked"), join(folder, "a-link"));

  it.each([
    ["a page in a folder that is not there", { html: "nope/p.html" }, /^--html .*nope\/p.html: there is no folder .*nope\. Make it/],
    ["a trace that is a folder", { trace: "." }, /^--trace .*: that is a folder/],
    ["a page that is a device", { html: "../../../../../../../dev/null" }, /^--html .*: that is no ordinary file\. Name one; --json writes to standard output\./],
    ["two names of one file", { html: "a-link", trace: "linked" }, /^--html and --trace name the same file/],
    ["two files of one name", { html: "a/../one", trace: "one" }, /^--html and --trace name the same file/],
    ["a page over what it is compared with", { html: "before.json", compare: "before.json" }, /^--compare and --html name the same file/],
    ["a comparison with nothing", { compare: "gone.json" }, /^--compare .*gone.json cannot be read: ENOENT/],
  ] as const)("refuses %s before it measures", async (_, paths, message) => {
    const inFolder = Object.fromEntries(Object.entries(paths).map(([option, path]) => [option, `${folder}/${path}`]));
    await expect(profileModel("resnet18", { batch: 1, size: 32, repeats: 1, top: 1, adapter: "no such adapter", ...inFolder })).rejects.toThrow(expect.objectContaining({ name: "ConfigError", message: expect.stringMatching(message) as string }) as Error);
  });
});
