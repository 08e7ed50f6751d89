import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@roentgen/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ImageFile } from "./image-files.ts";
import { checkDestinations, settleDestinations } from "./prediction-files.ts";

let folder = "";
const at = (name: string): string => join(folder, name);
const image = (name: string, below = name): ImageFile => ({ name, path: at(name), below });
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "roentgen-places-"));
  for (const name of ["scans", "more", "masks"]) mkdirSync(at(name));
  for (const name of ["scans/a.png", "scans/b.png", "more/a.png", "masks/b.png", "model.safetensors", "old.csv"]) writeFileSync(at(name), "");
  symlinkSync(at("scans"), at("link"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("where predictions go", () => {
  const mask = { kind: "mask", classes: ["brain"] } as const;
  const classes = { kind: "multiclass", classes: ["a", "b"] } as const;
  it.each([
    ["masks nowhere", mask, {}, /draws masks\. Say which folder they go to with --out/],
    ["masks of classes", classes, { out: "x" }, /--out takes masks, and this model tells classes/],
    ["two things on standard output", classes, { csv: "-", json: "-" }, /both ask for standard output/],
  ])("refuses %s", (_, task, options, message) => {
    expect(() => checkDestinations({ ...task, classes: [...task.classes] }, options)).toThrow(ConfigError);
    expect(() => checkDestinations({ ...task, classes: [...task.classes] }, options)).toThrow(message);
  });

  it.each([["a table", classes, {}], ["one of two on standard output", classes, { csv: "-", json: "x" }], ["masks", mask, { out: "x" }], ["shares alone", mask, { csv: "-" }]])("allows %s", (_, task, options) => {
    checkDestinations({ ...task, classes: [...task.classes] }, options);
  });

  const settle = (images: ImageFile[], options: Parameters<typeof settleDestinations>[2]) => settleDestinations(images, at("model.safetensors"), options);

  it("gives each image's mask its name below the folder, which need not be there", async () => {
    expect(await settle([image("scans/a.png", "a.png"), image("scans/deep/c.png", "deep/c.png")], { out: at("new") })).toEqual(new Map([["scans/a.png", at("new/a.png")], ["scans/deep/c.png", at("new/deep/c.png")]]));
    expect(await settle([image("scans/a.png", "a.png")], { csv: at("new.csv"), json: "-" })).toEqual(new Map());
  });

  it.each([
    ["an image, by another way, even to replace it", () => [image("scans/a.png", "a.png")], () => ({ out: at("link"), replace: true }), /link\/a\.png is read here and would be overwritten for scans\/a\.png\. Give another --out\.$/],
    ["the model, even to replace it", () => [image("scans/a.png")], () => ({ csv: at("model.safetensors"), replace: true }), /model\.safetensors is read here and would be overwritten for --csv\. Give another --csv\.$/],
    ["one mask of two images", () => [image("scans/a.png", "a.png"), image("more/a.png", "a.png")], () => ({ out: at("new") }), /new\/a\.png would be written for scans\/a\.png and for more\/a\.png\. Predict one folder at a time/],
    ["one file of two tables", () => [image("scans/a.png")], () => ({ csv: at("x"), json: at("x") }), /x would be written for --csv and for --json/],
    ["what is there already", () => [image("scans/b.png", "b.png")], () => ({ out: at("masks"), csv: at("old.csv") }), /masks\/b\.png, .*old\.csv are there already\. .*--replace/],
    ["a table in no folder", () => [image("scans/b.png")], () => ({ json: at("none/x.json") }), /--json .*there is no folder .*none\./],
    ["a folder as a table", () => [image("scans/b.png")], () => ({ csv: at("masks") }), /--csv .*masks: that is a folder/],
    ["a device as a table", () => [image("scans/b.png")], () => ({ json: "/dev/null" }), /--json \/dev\/null: that is a folder or a device/],
    ["a table where the masks go", () => [image("scans/b.png")], () => ({ out: at("new"), csv: at("new") }), /--csv .*new is the folder of the masks, or one above it/],
    ["a file as a folder", () => [image("scans/b.png")], () => ({ out: at("old.csv") }), /--out .*old\.csv: that is a file/],
  ])("refuses %s", async (_, images, options, message) => {
    await expect(settle(images(), options())).rejects.toThrow(ConfigError);
    await expect(settle(images(), options())).rejects.toThrow(message);
  });

  it("replaces results where it is told to", async () => {
    expect([...(await settle([image("scans/b.png", "b.png")], { out: at("masks"), csv: at("old.csv"), replace: true })).values()]).toEqual([at("masks/b.png")]);
  });
});
