import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { manifest, vulkanFacts } from "./driver-files.ts";

const folder = mkdtempSync(join(tmpdir(), "roentgen-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("driver files", () => {
  it.each([
    ["a manifest", '{"ICD":{"library_path":"libvulkan_lvp.so","api_version":"1.4.305"}}', { library: "libvulkan_lvp.so", apiVersion: "1.4.305" }],
    ["a manifest of another shape", '{"ICD":{"library_path":7}}', { library: null, apiVersion: null }],
    ["what is no JSON", "{", { library: null, apiVersion: null }],
    ["null", "null", { library: null, apiVersion: null }],
    ["a file too long for a manifest", `{"ICD":{"library_path":"${"a".repeat(70_000)}"}}`, { library: null, apiVersion: null }],
  ])("are read as hostile: %s", (_, text, facts) => {
    expect(manifest(file("icd.json", text))).toEqual(facts);
  });

  it("are those that the environment names, and no others are used", () => {
    const named = file("mine.json", '{"ICD":{"library_path":"mine.so"}}');
    const { drivers, missing } = vulkanFacts({ VK_DRIVER_FILES: `${named}:/nowhere/icd.json`, XDG_CACHE_HOME: folder });
    expect(drivers.filter((d) => d.used)).toEqual([{ path: named, library: "mine.so", apiVersion: null, used: true }]);
    expect(missing).toEqual(["/nowhere/icd.json"]);
  });

  it("include the private copy, which is not used unless named", () => {
    mkdirSync(join(folder, "roentgen", "driver", "copy"), { recursive: true });
    const copy = file("roentgen/driver/copy/lvp_icd.json", '{"ICD":{"library_path":"lib/lvp.so"}}');
    expect(vulkanFacts({ XDG_CACHE_HOME: folder }).drivers).toContainEqual({ path: copy, library: "lib/lvp.so", apiVersion: null, used: false });
  });

  it("need a loader, looked for where LD_LIBRARY_PATH says first", () => {
    const library = file("libvulkan.so.1", "");
    expect(vulkanFacts({ LD_LIBRARY_PATH: `/nowhere:${folder}` }).loader).toBe(library);
  });
});
