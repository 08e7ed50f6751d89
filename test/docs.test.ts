// The pages for users are held to the code: what they show is read by it, and what it reads is in them.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSafetensors } from "@roentgen/checkpoints";
import { loadDataset, parseListing } from "@roentgen/data";
import { folderSource } from "@roentgen/data/node";
import { parseKeptModel, parseStudy, predictionsCsv } from "@roentgen/runner";
import { describe, expect, it } from "vitest";
import { createProgram } from "../apps/cli/src/program.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const [studies, data] = [read("docs/studies.md"), read("docs/data.md")];

const blocks = (page: string, language: string): string[] => [...page.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map((m) => m[1] ?? "");
/** Rows of the tables of a part of a page, without their heads; cells as they are written. */
const rows = (part: string): string[][] =>
  [...part.matchAll(/^\|[-|]+\|\n((?:\|.*\|\n)+)/gm)].flatMap(([, body = ""]) => body.trim().split("\n").map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim())));
const part = (page: string, heading: string): string => page.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
/** What stands between backticks. */
const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? "");

/** The parts of docs/studies.md that are about fields, by the object of config.ts whose fields they have, and where in a study that is. */
const objects = {
  study: { heading: "The study", path: [] },
  task: { heading: "A task", path: ["tasks", "a"] },
  model: { heading: "`model`", path: ["tasks", "a", "model"] },
  optimizer: { heading: "`optimizer`", path: ["tasks", "a", "optimizer"] },
  schedule: { heading: "`schedule`", path: ["tasks", "a", "schedule"] },
  classificationAugment: { heading: "`augment`", path: ["tasks", "a", "augment"] },
} as const;

/** Every field of every object in config.ts, from its text: `study.trials`, `classificationAugment.crop.area`. */
const fieldsOf = (code: string): string[] =>
  [...code.matchAll(/^const (\w+) = z\.strictObject\(\{\n([^]*?)^\}\);/gm)].flatMap(([, object, body = ""]) =>
    [...body.matchAll(/^ {2}(\w+)[:,](.*)/gm)].flatMap(([, name = "", value = ""]) => {
      const inner = /strictObject\(\{ (.*?) \}\)/.exec(value)?.[1] ?? "";
      return [`${object}.${name}`, ...[...inner.matchAll(/(\w+): /g)].map((m) => `${object}.${name}.${m[1]}`)];
    }),
  );

const config = read("packages/runner/src/config.ts");
const documented = Object.entries(objects).flatMap(([object, { heading, path }]) =>
  rows(part(studies, heading)).map(([name = "", takes = "", byDefault = ""]) => {
    const field = quoted(name)[0] ?? "";
    return { name: `${object}.${field}`, path: [...path, ...field.split(".")] as string[], takes: quoted(takes), byDefault };
  }),
);

type Nested = { [key: string]: unknown };
/** A study in which every object is there, so that each field can be set, or left out. */
const full = (): Nested => ({
  name: "n", inits: ["random"], trials: 1,
  tasks: { a: { data: "d", model: { kind: "resnet" }, size: 32, batch: 4, epochs: 1, patience: 1, loss: "bce", optimizer: { lr: 0.1 }, schedule: {}, augment: { crop: {} } } },
});
const at = (value: unknown, path: readonly string[]): unknown => path.reduce((inner, key) => (inner as Nested)[key], value);

/** The study with a field as it is written in YAML; undefined leaves it out. */
function withField(path: readonly string[], yaml: string | undefined): string {
  const study = full();
  const parent = at(study, path.slice(0, -1)) as Nested;
  const name = path[path.length - 1] ?? "";
  if (yaml === undefined) delete parent[name];
  else parent[name] = "@here@";
  return JSON.stringify(study).replace('"@here@"', () => yaml ?? "");
}

const failure = (work: () => unknown): string => {
  try {
    work();
    return "";
  } catch (error) {
    return String(error);
  }
};

describe("docs/studies.md", () => {
  it.each(blocks(studies, "yaml").map((text, i) => [i, text] as const))("study %i is one", (_, text) => {
    const { tasks, inits } = parseStudy(text);
    expect(Object.keys(tasks).length * inits.length).toBeGreaterThan(1);
  });

  it.each(blocks(studies, "json").map((text, i) => [i, text] as const))("list %i is one", (_, text) => {
    expect(parseListing(text, "index.json").entries.length).toBeGreaterThan(2);
  });

  it("names every field that a study has, and no other", () => {
    expect(documented.map(({ name }) => name).sort()).toEqual(fieldsOf(config).sort());
    // One stands inside another.
    expect(config.split("z.strictObject(")).toHaveLength(Object.keys(objects).length + 2);
  });

  it.each(documented.filter(({ byDefault }) => byDefault === "required"))("$name is required", ({ path }) => {
    expect(failure(() => parseStudy(withField(path, undefined)))).toContain(`  ${path.join(".")}: `);
  });

  it.each(documented.filter(({ byDefault }) => byDefault !== "required"))("$name is $byDefault where it is left out", ({ path, byDefault }) => {
    const written = byDefault.startsWith("`") ? quoted(byDefault)[0] : undefined;
    const left = at(parseStudy(withField(path, undefined)), path);
    expect(left === undefined).toBe(written === undefined);
    if (written !== undefined) expect(left).toEqual(at(parseStudy(withField(path, written)), path));
  });

  it.each(documented.filter(({ takes }) => takes.length > 0))("$name takes $takes", ({ name, path, takes }) => {
    for (const value of takes) expect(failure(() => parseStudy(withField(path, value))), value).not.toContain(`  ${path.join(".")}: `);
    const known = /expected one of (\S+)/.exec(failure(() => parseStudy(withField(path, "zzz"))).split(`  ${path.join(".")}: `)[1] ?? "")?.[1];
    if (known) expect(takes, name).toEqual(known.replaceAll('"', "").split("|"));
  });

  const refused = rows(part(studies, "What fits what")).map(([change = "", says = ""]) => [quoted(change)[0] ?? "", quoted(says)[0] ?? ""] as const).filter(([change]) => change.startsWith("{"));
  it.each(refused)("%s is refused: %s", (change, says) => {
    const { a } = full().tasks as { a: Nested };
    // YAML takes a key once: what is changed is left out first.
    const changed = [...change.matchAll(/(\w+):/g)].map((m) => m[1] ?? "");
    const kept = JSON.stringify(Object.fromEntries(Object.entries(a).filter(([key]) => !changed.includes(key))));
    const study = `{ name: n, inits: [random], trials: 1, tasks: { a: ${kept.slice(0, -1)}, ${change.slice(1)} } }`;
    expect(failure(() => parseStudy(study))).toContain(says);
  });

  it("knows some that are refused", () => expect(refused.length).toBeGreaterThan(4));
});

describe("docs/data.md", () => {
  const listings = blocks(data, "json").map((text) => parseListing(text, "index.json"));

  it("has a list of each kind, with all splits", () => {
    expect(listings.map(({ task }) => task.kind)).toEqual(["multiclass", "binary", "multilabel", "mask"]);
    for (const { entries } of listings) expect(new Set(entries.map(({ split }) => split))).toEqual(new Set(["train", "val", "test"]));
  });

  it("names each kind's fields", () => {
    const kinds = rows(part(data, "index.json")).filter(([kind = ""]) => listings.some(({ task }) => kind === `\`${task.kind}\``));
    const fields = kinds.map(([, , truth = ""]) => quoted(truth)[0]);
    expect(fields).toEqual(blocks(data, "json").map((text) => /"(labels?|mask)":/.exec(text)?.[1]));
  });

  const python = process.env.ROENTGEN_PYTHON ?? "python3";
  it.skipIf(spawnSync(python, ["-c", "import numpy, PIL.Image"]).status !== 0)("writes sets that are read, for the studies of docs/studies.md", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roentgen-docs-"));
    const [module = "", example = ""] = blocks(data, "python");
    try {
      mkdirSync(join(folder, "nodules"));
      writeFileSync(join(folder, "write_set.py"), module);
      writeFileSync(join(folder, "example.py"), example);
      execFileSync(python, ["example.py"], { cwd: folder });
      for (const study of blocks(studies, "yaml").map((text) => parseStudy(text))) {
        for (const task of Object.values(study.tasks)) {
          const set = await loadDataset(folderSource(join(folder, "nodules", task.data)));
          expect(set.split("train").length).toBeGreaterThanOrEqual(task.batch);
          expect(Math.min(set.split("val").length, set.split("test").length)).toBeGreaterThan(1);
          expect(set.task.kind === "mask").toBe(task.model.kind === "unet");
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("docs/predict.md", () => {
  const page = read("docs/predict.md");

  it("names every option of the command, and no other", () => {
    const command = createProgram().commands.find((c) => c.name() === "predict");
    expect(rows(part(page, "Options")).map(([option = ""]) => quoted(option)[0])).toEqual(command?.options.map(({ long }) => long));
  });

  it("shows what a kept model says of itself, as it is read", () => {
    const [description = ""] = blocks(page, "json");
    const file = formatSafetensors(new Map(), new Map([["roentgen.model", description]]));
    expect(parseKeptModel(file, "m.safetensors").facts).toEqual(JSON.parse(description));
  });

  it("shows CSV as it is written", () => {
    const [shown = ""] = blocks(page, "csv");
    const row = (file: string, predicted: string, ...values: number[]) => ({ file, values, predicted: [predicted] });
    const written = predictionsCsv({ kind: "multiclass", classes: ["axial", "coronal", "sagittal"] }, [row("scans/a.png", "axial", 0.7421875, 0.125, 0.1328125), row("scans/b, again.png", "coronal", 0.25, 0.5, 0.25), row("=c.png", "sagittal", 0.1, 0.2, 0.7)]);
    expect(shown.replaceAll("\n", "\r\n")).toBe(written);
  });

  it("predicts with models of the studies that docs/studies.md shows", () => {
    const kept = blocks(studies, "yaml").flatMap((text) => {
      const { name, tasks } = parseStudy(text);
      return Object.keys(tasks).map((task) => `runs/${name}/models/${task}-random-0.safetensors`);
    });
    const named = blocks(page, "sh").join().match(/\S+\.safetensors/g) ?? [];
    expect(named.length).toBeGreaterThan(2);
    for (const model of named) expect(kept).toContain(model);
  });
});
