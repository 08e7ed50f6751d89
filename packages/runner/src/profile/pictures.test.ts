import { parseHTML } from "linkedom/worker";
import { describe, expect, it } from "vitest";
import { compareProfiles } from "./compare.ts";
import { flame } from "./flame.ts";
import { memoryBoxes, memoryRows, memorySums, memoryText } from "./memory-timeline.ts";
import { ceilings, profile, report } from "./profile.fixture.ts";
import { profileHtml } from "./profile-html.ts";
import { methodText } from "./profile-report.ts";
import { decades, rooflineEdges, rooflinePoints, tick } from "./roofline.ts";
import { profileTables } from "./tables.ts";

describe("a roofline", () => {
  it("rises with memory to the ridge, and lies flat from there", () => {
    const [f32, cached, f16] = rooflineEdges(ceilings, [0.1, 100]);
    // The ridge: 100 GFLOP/s at 10 GB/s is 10 operations a byte.
    expect(f32?.points).toEqual([{ intensity: 0.1, gflopPerSecond: 1 }, { intensity: 10, gflopPerSecond: 100 }, { intensity: 100, gflopPerSecond: 100 }]);
    expect(cached?.points[1]).toEqual({ intensity: 5, gflopPerSecond: 100 });
    expect(f16?.points[1]).toEqual({ intensity: 20, gflopPerSecond: 200 });
  });

  it("has a point for each kernel that computes", () => {
    expect(rooflinePoints(report().kernels).map((p) => [p.name, p.intensity, p.gflopPerSecond])).toEqual([
      ["matmul.forward", 40, 10], ["optimizer.adam", 1 / 9, 1 / 3], ["conv2d.lanes.backward_x", 100 / 3, 40], ["conv2d.lanes.forward", 50, 50], ["batch-norm.normalise", 1 / 8, 1], ["cross-entropy.forward", 0.25, 0.0005],
    ]);
  });

  it.each([[[0.3, 40], [0.1, 100]], [[1, 10], [1, 10]], [[5], [1, 10]], [[], [0.1, 10]]])("encloses %j in powers of ten", (values, ends) => {
    decades(values).forEach((end, i) => expect(end).toBeCloseTo(ends[i] ?? NaN, 12));
  });
});

describe("a flame graph", () => {
  const boxes = flame(report().dispatches, "step");
  it("gives each path one box of its time, inside its parent", () => {
    expect(boxes.filter((b) => b.depth <= 1).map((b) => [b.name, b.from, b.width])).toEqual([["step", 0, 1], ["forward", 0, 7.2 / 13], ["backward", 7.2 / 13, 2.8 / 13], ["update", expect.closeTo(10 / 13, 12), 3 / 13]]);
    expect(boxes.filter((b) => b.from < 2 / 13 - 1e-9 && b.from + b.width <= 2 / 13 + 1e-9).map((b) => b.name)).toEqual(["layer1.0.conv1", "conv2d", "conv2d.lanes.forward"]);
    expect(boxes.find((b) => b.name === "layer1" && b.depth === 2)).toMatchObject({ timeMs: 3, dispatches: 2, ofRoof: expect.closeTo(1.8 / 3, 12) });
  });

  it("never lets children be wider than their parent", () => {
    for (const parent of boxes) {
      const inside = boxes.filter((b) => b.depth === parent.depth + 1 && b.from >= parent.from - 1e-9 && b.from < parent.from + parent.width - 1e-9);
      expect(inside.reduce((sum, b) => sum + b.width, 0)).toBeLessThanOrEqual(parent.width + 1e-9);
    }
  });
});

describe("memory", () => {
  const mebi = 2 ** 20;
  it("lies in slots, the largest first, from the first dispatch that needs it to the last", () => {
    const rows = memoryRows(profile.memory.slots);
    // The largest has 15 for words and 30 more, the other 15 and 30 times the root of two thirds.
    expect(rows).toEqual([{ slot: 1, bytes: 3 * mebi, y: 0, height: 45, named: true }, { slot: 0, bytes: 2 * mebi, y: 45, height: 15 + 30 * Math.sqrt(2 / 3), named: true }]);
    expect(memoryBoxes(profile.memory, rows, 7).map(({ label, x1, x2, y1, filledFrom }) => [label, x1, x2, y1, filledFrom])).toEqual([
      ["train input 0", 0, 1, 45, expect.closeTo(45, 9)], ["layer1.0.bn1 y", 1, 5, 45, expect.closeTo(45 + (rows[1]?.height ?? 0) / 2, 9)], ["layer1.0.conv1 y", 0, 7, 0, 0],
    ]);
  });

  it("of many slots leaves no one so little room that it cannot be seen, nor one all of it", () => {
    const rows = memoryRows([{ bytes: 120 * mebi }, ...Array.from({ length: 215 }, () => ({ bytes: 4096 }))]);
    const height = rows.reduce((sum, row) => sum + row.height, 0);
    expect(Math.min(...rows.map((row) => row.height))).toBeGreaterThan(1);
    expect(rows[0]?.height).toBeLessThan(0.1 * height);
    expect(height).toBeLessThan(700);
  });

  it("is summed as it is: slots, what is beside them, what outlives the plan", () => {
    expect(memorySums(profile.memory)).toEqual({ slots: 5 * mebi, beside: mebi, persistent: mebi });
    expect(memoryText(report())).toBe("5.0 MiB live at the peak, 2 slots of 5.0 MiB, textures and uniforms 1.0 MiB, weights and other state 1.0 MiB: 7.0 MiB in all; largest: layer1.0.conv1 y 3.0 MiB, train input 0 2.0 MiB, layer1.0.bn1 y 1.0 MiB");
  });
});

it.each([
  [{ method: "pass", quantumNs: 1 }, "GPU timestamps, one pass for each dispatch, in steps of 1 ns."],
  [{ method: "inside-pass", quantumNs: 10 }, "GPU timestamps inside one pass, in steps of 10 ns."],
  [{ method: "pass", quantumNs: 65_536 }, "in steps of 65.5 µs."],
  [{ method: "wall", quantumNs: 5000 }, "the host's clock, one submit for each dispatch (no timestamp-query here), in steps of 5 µs."],
] as const)("says how times were taken: %j", (how, text) => {
  expect(methodText({ ...report(), ...how })).toContain(text);
});

it("says when a clock was so coarse that rows were timed", () => {
  expect(methodText({ ...report(), dispatches: report().dispatches.map((d) => ({ ...d, inARow: 76 })) })).toContain("up to 76 times in a row");
});

it("tables keep the slowest and say how many there are", () => {
  const tables = profileTables(report(), 2);
  expect(tables.map((t) => t.title)).toEqual(["By phase", "By op", "By kernel", "By layer (2 of 6, slowest first)", "By dispatch (2 of 7, slowest first)"]);
  expect(tables[4]?.rows).toEqual([
    ["2", "fc linear matmul.forward", "512x2x1", "4.000", "4.000 to 4.000", "30.8 %", "40.0", "1.00", "10.0", "0.3", "10.0 %", "compute"],
    ["6", "optimizer optimizer.adam", "512x2x1", "3.000", "3.000 to 3.000", "23.1 %", "1.0", "9.00", "0.3", "3.0", "30.0 %", "memory"],
  ]);
});

describe("the page", () => {
  const text = profileHtml(report(), compareProfiles(report(), { ...report(), totalMs: 12 }));
  const { document } = parseHTML(text);

  it("draws roofline, bandwidth, flame graph and memory", () => {
    const charts = [...document.querySelectorAll("svg[role=img]")].map((svg) => svg.getAttribute("aria-label") ?? "");
    expect(charts.map((label) => label.split(/[: ]/)[0])).toEqual(["Roofline", "Bandwidth", "Live", "Slots"]);
    expect(charts[0]).toContain("matmul.forward 10.0 GFLOP/s at 40 FLOP per byte, 10.0 % of its roof");
    expect(document.querySelectorAll(".flame .boxes > div").length).toBe(flame(report().dispatches, "").length);
  });

  it("shows what was measured, on what, and what to look at", () => {
    const words = (document.body.textContent ?? "").replace(/\s+/g, " ");
    for (const expected of ["13.00 ms, 307.7 images/s without gaps", "100.0 GFLOP/s in f32, 200.0 in f16, 10.0 GB/s copied (20.0 in cache), 0.100 ms for an empty dispatch", "matmul.forward reaches 10 % of its compute roof", "llvmpipe <16>, a software adapter", "Before and after", "-timestamp_quantization", "what the plan’s 2 slots hold, 5.0 MiB; grey: 1.0 MiB in textures", "layer1.0.conv1 y, 3.0 MiB"]) {
      expect(words).toContain(expected);
    }
  });

  it("knows that a browser tells no toggles, which is not that there are none", () => {
    const { adapter } = report();
    expect(profileHtml({ ...report(), adapter: { ...adapter, toggles: [], platform: "browser" } })).toContain("<dt>Dawn toggles</dt><dd>not told by a browser</dd>");
    expect(profileHtml({ ...report(), adapter: { ...adapter, toggles: [] } })).toContain("<dt>Dawn toggles</dt><dd>none</dd>");
  });

  it("is one file: no script, nothing fetched, and no name in it is markup", () => {
    expect(document.querySelectorAll("script, link, img, iframe").length).toBe(0);
    expect(/(?:src|href)="|url\(|https?:/.exec(text)?.[0]).toBeUndefined();
    expect(text).toContain("llvmpipe &lt;16&gt;");
    expect(text).toContain(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"`);
  });
});

it("an axis says 0.2, 50 and 20k, not 200m", () => {
  expect([0.01, 0.2, 5, 50, 1000, 20_000, 3e6, 1e9].map(tick)).toEqual(["0.01", "0.2", "5", "50", "1k", "20k", "3M", "1G"]);
});
