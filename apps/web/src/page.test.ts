import { readFileSync } from "node:fs";
import { parseListing } from "@roentgen/data";
import { describe, expect, it } from "vitest";
import { filesOfFolder, pngsOf } from "./folder.ts";
import { niceTicks } from "./loss-chart.ts";
import { diceOf, labelOf } from "./predictions-view.ts";
import { duration, number, percent } from "./text.ts";

describe("the page's own arithmetic", () => {
  it.each([
    [[], [0, 0.5, 1]],
    [[0.963], [0, 0.5, 1]],
    [[1.21, 1.39], [0, 0.5, 1, 1.5]],
    [[0.02, 7], [0, 2, 4, 6, 8]],
    [[-1, 1], [-1, -0.5, 0, 0.5, 1]],
    [[NaN, 4], [0, 1, 2, 3, 4]],
  ])("ticks for %j are round and enclose the values", (values, ticks) => {
    expect(niceTicks(values)).toEqual(ticks);
  });

  it("Dice counts pixels above one half, and two empty masks agree", () => {
    expect(diceOf({ probabilities: Float32Array.of(0.9, 0.8, 0.1, 0.6), mask: Float32Array.of(1, 0, 1, 1) })).toBeCloseTo(4 / 6);
    expect(diceOf({ probabilities: Float32Array.of(0.5, 0.2), mask: Float32Array.of(0, 0) })).toBe(1);
  });

  it("a prediction is told in words, with the truth where it differs", () => {
    const told = (kind: "multiclass" | "multilabel" | "binary" | "mask", classes: string[], labels: number[], ...p: number[]) => labelOf({ file: "a.png", labels, probabilities: Float32Array.from(p), mask: Float32Array.of(1, 0, 1, 0) }, { kind, classes });
    expect([
      told("multiclass", ["axial", "coronal", "sagittal"], [1], 0.2, 0.7, 0.1),
      told("multiclass", ["axial", "coronal", "sagittal"], [0], 0.2, 0.7, 0.1),
      told("multilabel", ["fluid", "mass"], [1, 1], 0.6, 0.4),
      told("binary", ["mass"], [0], 0.25),
      told("mask", ["brain"], [], 0.9, 0.1, 0.1, 0.1),
    ]).toEqual([
      "a.png: predicted coronal 70.0 %; right",
      "a.png: predicted coronal 70.0 %; wrong, truth axial",
      "a.png: predicted fluid 60.0 %; wrong, truth fluid, mass",
      "a.png: predicted none, mass 25.0 %; right",
      "a.png: Dice 66.7 %, 25.0 % of the pixels marked, truth 50.0 %",
    ]);
  });

  it("a prediction whose truth nobody knows is neither right nor wrong", () => {
    const told = (kind: "multiclass" | "multilabel" | "mask", classes: string[], ...p: number[]) => labelOf({ file: "a.png", labels: [], probabilities: Float32Array.from(p), mask: null }, { kind, classes });
    expect([
      told("multiclass", ["axial", "coronal", "sagittal"], 0.2, 0.3, 0.5),
      told("multilabel", ["fluid", "mass"], 0.6, 0.75),
      told("multilabel", ["fluid", "mass"], 0.25, 0.1),
      told("mask", ["brain"], 0.9, 0.1, 0.1, 0.1),
    ]).toEqual(["a.png: predicted sagittal 50.0 %", "a.png: predicted mass 75.0 %, fluid 60.0 %", "a.png: predicted none, fluid 25.0 %", "a.png: 25.0 % of the pixels marked"]);
  });

  it.each([[7.4, "7 s"], [135, "2 min 15 s"], [7500, "2 h 5 min"], [-1, "0 s"]])("%d seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it("numbers have three digits, shares one decimal, and what is undefined a dash", () => {
    expect([number(1.2345), number(0.012345), number(1234.5), number(NaN), percent(0.9344), percent(null)]).toEqual(["1.23", "0.0123", "1235", "–", "93.4 %", "–"]);
  });
});

describe("a folder of somebody's own", () => {
  const file = new File([], "x");
  const named = (...paths: string[]) => paths.map((path) => ({ path, file }));

  it("begins where its index.json lies, and leaves out what lies beside it", () => {
    expect([...filesOfFolder(named("scans/index.json", "scans/train/a.png", "notes.txt", "scans/old/index.json")).keys()]).toEqual(["index.json", "train/a.png", "old/index.json"]);
    expect([...filesOfFolder(named("index.json", "a.png")).keys()]).toEqual(["index.json", "a.png"]);
  });

  it("may look like the example on the page", () => {
    const page = readFileSync(new URL("../index.html", import.meta.url), "utf8");
    const example = /<details id="folder-format">[^]*?<pre><code>([^<]*)<\/code>/.exec(page)?.[1] ?? "";
    const { task, entries } = parseListing(example, "the example");
    expect(task).toEqual({ kind: "multiclass", classes: ["hand", "foot"] });
    expect(entries.map(({ split }) => split)).toEqual(["train", "train", "val", "test"]);
  });

  it("has no list where a model is only used: its PNGs count, in order", () => {
    expect(pngsOf(named("scans/b.png", "scans/a.PNG", "scans/notes.txt", "scans/._a.png", ".cache/c.png", "scans/deep/c.png")).map(({ path }) => path)).toEqual(["scans/a.PNG", "scans/b.png", "scans/deep/c.png"]);
    expect(() => pngsOf(named("a.jpg", "b.dcm"))).toThrow("There is no PNG among these (files: 2). JPEG, DICOM and other formats are not read.");
  });

  it("is refused without one", () => {
    expect(() => filesOfFolder(named("scans/a.png", "my-index.json"))).toThrow(/no index.json \(files in it: 2\)/);
  });
});
