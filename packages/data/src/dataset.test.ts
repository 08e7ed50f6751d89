import { createHash } from "node:crypto";

import { describe, expect, it } from "vitest";

import { loadDataset } from "./dataset.ts";
import { memorySource } from "./source.ts";
import { greyPng, PLANES, type Row, rowsOf, sourceOf } from "./test-support.ts";

const row: Row = { image: "a.png", label: 1, split: "train", subject: "anna" };
const BRAIN = { kind: "mask", classes: ["brain"] };
const pair: Row = { image: "a.png", mask: "a-mask.png", split: "train", subject: "anna" };
const FINDINGS = { kind: "multilabel", classes: ["mass", "nodule"] };
const failing = (promise: Promise<unknown>) => promise.then(() => "nothing was thrown", (error: unknown) => String(error));
const indexed = (index: unknown) => memorySource(new Map([["index.json", new TextEncoder().encode(typeof index === "string" ? index : JSON.stringify(index))]]));

describe("loadDataset", () => {
  it("gives each split its samples in the order of the list", async () => {
    const data = await loadDataset(sourceOf(PLANES, [...rowsOf(3), ...rowsOf(2, "test"), ...rowsOf(1, "val")]));
    expect(data.name).toBe("toy");
    expect(data.task).toEqual(PLANES);
    expect(data.split("train").map((s) => [s.file, s.labels, s.subject])).toEqual([["train/0.png", [0], "train-0"], ["train/1.png", [1], "train-1"], ["train/2.png", [2], "train-2"]]);
    expect([data.split("val").length, data.split("test").length]).toEqual([1, 2]);
    expect(data.split("train")[1]?.image.data.slice(0, 6)).toEqual(Uint8Array.of(1, 1, 1, 100, 100, 100));
  });

  it("takes names as other programs make them", async () => {
    const data = await loadDataset(sourceOf(PLANES, [{ ...row, image: "left lung/image (1).png" }]));
    expect(data.split("train").map((s) => s.file)).toEqual(["left lung/image (1).png"]);
  });

  it("reads binary labels, multilabels and masks", async () => {
    const binary = await loadDataset(sourceOf({ kind: "binary", classes: ["tuberculosis"] }, [row]));
    expect(binary.split("train")[0]?.labels).toEqual([1]);
    const multi = await loadDataset(sourceOf(FINDINGS, [{ ...row, labels: [1, 0] }]));
    expect(multi.split("train")[0]?.labels).toEqual([1, 0]);
    const masks = await loadDataset(sourceOf(BRAIN, [pair]));
    expect(masks.split("train")[0]?.mask?.data.slice(0, 2)).toEqual(Uint8Array.of(1, 0));
  });

  it("hashes what sha256sum would, over every file and the list", async () => {
    const files = [...rowsOf(3)];
    const source = sourceOf(PLANES, files);
    const names = ["index.json", ...files.map((f) => f.image)].sort();
    const lines = await Promise.all(names.map(async (name) => `${createHash("sha256").update(await source.readFile(name)).digest("hex")}  ${name}\n`));
    const data = await loadDataset(source);
    expect(data.hash).toBe(createHash("sha256").update(lines.join("")).digest("hex"));
    const other = await loadDataset(sourceOf(PLANES, files, { "train/0.png": greyPng(4, 100, 77) }));
    expect(other.hash).not.toBe(data.hash);
  });

  it.each<[string, { kind: string; classes: string[] }, Row[], Record<string, Uint8Array>, string]>([
    ["a damaged image", PLANES, [row], { "a.png": new Uint8Array(40) }, "DataError: a.png: not a PNG that can be read: the first eight bytes are not a PNG's."],
    ["a mask of another size", BRAIN, [pair], { "a-mask.png": greyPng(5, 0) }, "DataError: a-mask.png: the mask is 5x5, its image a.png is 4x4. They must be of one size."],
    ["a test subject who is also trained on", PLANES, [row, { ...row, image: "b.png", split: "test" }], {}, 'DataError: index.json: subject "anna" is in test (b.png) and in train (a.png). Test subjects appear nowhere else; move one of them.'],
    ["a test subject who also validates", PLANES, [{ ...row, split: "test" }, { ...row, image: "b.png", split: "val" }], {}, 'subject "anna" is in test (a.png) and in val (b.png)'],
    ["one image in two splits under two names", PLANES, [row, { ...row, image: "b.png", split: "val" }], { "a.png": greyPng(4, 3), "b.png": greyPng(4, 3) }, "DataError: b.png (val) has the same bytes as a.png (train)"],
    ["a name listed twice", PLANES, [row, row], {}, "DataError: index.json: a.png is listed twice"],
    ["names that differ in case alone", PLANES, [row, { ...row, image: "A.png" }], {}, "DataError: index.json: A.png is listed twice"],
    ["a mask that is another's image", BRAIN, [pair, { ...pair, image: "a-mask.png", mask: "c.png" }], {}, "a-mask.png is listed twice"],
    ["a label out of range", PLANES, [{ ...row, label: 3 }], {}, '"label" is a class from 0 to 2 (axial, coronal, sagittal), got 3'],
    ["a fractional label", PLANES, [{ ...row, label: 0.5 }], {}, '"label" is a class from 0 to 2'],
    ["a missing label", PLANES, [{ ...row, label: undefined }], {}, "got undefined"],
    ["a binary label of 2", { kind: "binary", classes: ["tb"] }, [{ ...row, label: 2 }], {}, '"label" is 0 or 1 (tb), got 2'],
    ["too few labels", FINDINGS, [{ ...row, labels: [1] }], {}, '"labels" is 2 times 0 or 1 (mass, nodule), got [1]'],
    ["labels other than 0 and 1", FINDINGS, [{ ...row, labels: [1, 2] }], {}, "got [1,2]"],
    ["a path that climbs out", PLANES, [{ ...row, image: "../../etc/passwd" }], {}, '"image" is a file below the data set\'s folder'],
    ["an absolute path", PLANES, [{ ...row, image: "/etc/passwd" }], {}, '"image" is a file below'],
    ["a path with a backslash", PLANES, [{ ...row, image: "a\\b.png" }], {}, '"image" is a file below'],
    ["a name that ends in a space", PLANES, [{ ...row, image: "a.png " }], {}, '"image" is a file below'],
    ["a name with two spaces", PLANES, [{ ...row, image: "a  b.png" }], {}, '"image" is a file below'],
    ["an endless path", PLANES, [{ ...row, image: "a".repeat(300) }], {}, '"image" is a file below'],
    ["a missing mask name", BRAIN, [row], {}, '"mask" is a file below'],
    ["an unknown split", PLANES, [{ ...row, split: "dev" }], {}, '"split" is one of train, val, test, got "dev"'],
    ["a missing subject", PLANES, [{ ...row, subject: "" }], {}, '"subject" says whose image it is'],
    ["an unknown task", { kind: "regression", classes: ["age"] }, [row], {}, '"task.kind" is one of multiclass, multilabel, binary, mask, got "regression"'],
    ["one class to choose from", { kind: "multiclass", classes: ["axial"] }, [row], {}, "a multiclass task has 2 or more classes, got 1"],
    ["a class named twice", { kind: "multiclass", classes: ["a", "a"] }, [row], {}, "names a class twice"],
    ["no samples", PLANES, [], {}, '"samples" is a list of 1 to'],
  ])("refuses %s", async (_, task, rows, files, message) => {
    expect(await failing(loadDataset(sourceOf(task, rows, files)))).toContain(message);
  });

  it("names the file that is missing", async () => {
    const index = { name: "toy", version: 1, task: PLANES, samples: [row] };
    expect(await failing(loadDataset(indexed(index)))).toBe("DataError: a.png: no such file among the 1 in memory.");
    expect(await failing(loadDataset(memorySource(new Map())))).toBe("DataError: index.json: no such file among the 0 in memory.");
    expect(await failing(loadDataset({ readFile: () => Promise.reject(new Error("the cable is out")) }))).toBe("DataError: index.json: cannot be read: the cable is out");
  });

  it.each<[string, unknown, RegExp]>([
    ["text that is not JSON", "{", /index\.json: is not JSON/],
    ["a list instead of an object", [], /expected an object/],
    ["another version", { name: "toy", version: 2, task: PLANES, samples: [row] }, /"version" is 2, this reader knows 1/],
    ["a name with a slash", { name: "a/b", version: 1, task: PLANES, samples: [row] }, /"name" is letters/],
    ["a sample that is a string", { name: "toy", version: 1, task: PLANES, samples: ["a.png"] }, /sample 0: expected an object, got "a\.png"/],
  ])("refuses an index.json of %s", async (_, index, message) => {
    expect(await failing(loadDataset(indexed(index)))).toMatch(message);
  });

  it("keeps to the limits it is given", async () => {
    const source = sourceOf(PLANES, rowsOf(3));
    expect(await failing(loadDataset(source, { maxSide: 3 }))).toContain("train/0.png: is 4x4, sides from 1 to 3 are read");
    expect(await failing(loadDataset(source, { maxFileBytes: 10 }))).toMatch(/train\/\d\.png: has \d+ bytes, at most 10 are read/);
    expect(await failing(loadDataset(source, { maxTotalBytes: 100 }))).toContain("toy: decoded images pass 100 bytes");
  });
});
