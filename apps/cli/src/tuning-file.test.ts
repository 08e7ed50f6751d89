import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tuning } from "@roentgen/tensor";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readTuning, tuningFolder, tuningPath, writeTuning } from "./tuning-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tuning-"));
});
afterAll(() => rm(folder, { recursive: true }));

const tuning: Tuning = { version: 1, identity: "{\"device\":\"one\"}", findings: { "matmul f32 4x4": { winner: "lanes", attempts: [{ family: "lanes", timeMs: 1, error: 0 }] } } };

it("keeps a tuning for its adapter alone", async () => {
  await writeTuning(tuning, folder);
  expect(await readTuning(tuning.identity, folder)).toEqual(tuning);
  expect(await readTuning("{\"device\":\"two\"}", folder)).toBeNull();
  expect(await readdir(folder)).toHaveLength(1);
});

it.each(["{", "{}", JSON.stringify({ ...tuning, identity: "another" })])("finds nothing in a file that holds %s", async (text) => {
  await writeFile(tuningPath("spoilt", folder), text);
  expect(await readTuning("spoilt", folder)).toBeNull();
});

it("lies in the cache folder", () => {
  expect(tuningFolder({ XDG_CACHE_HOME: "/var/cache/me" })).toBe("/var/cache/me/roentgen/tuning");
});
