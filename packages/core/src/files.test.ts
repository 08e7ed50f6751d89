import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isAlive, writeWhole } from "./files.ts";

/** No system gives a process so high a number. */
const nobody = 2 ** 30;
const folder = () => mkdtempSync(join(tmpdir(), "roentgen-files-"));

it("gives a file its name when it is whole", async () => {
  const at = folder();
  const path = join(at, "a.json");
  for (const flush of [false, true]) {
    expect(await writeWhole(path, async (file) => {
      await file.writeFile(`new ${flush}`);
      expect(readdirSync(at).filter((name) => name.endsWith(".part"))).toEqual([`.a.json.${process.pid}.part`]);
      return 7;
    }, { flush })).toBe(7);
    expect(readFileSync(path, "utf8")).toBe(`new ${flush}`);
  }
  expect(readdirSync(at)).toEqual(["a.json"]);
});

it("leaves the old file, and nothing else, where writing fails", async () => {
  const at = folder();
  writeFileSync(join(at, "a.json"), "old");
  await expect(writeWhole(join(at, "a.json"), async (file) => {
    await file.writeFile("half");
    throw new Error("full");
  })).rejects.toThrow("full");
  expect(readdirSync(at)).toEqual(["a.json"]);
  expect(readFileSync(join(at, "a.json"), "utf8")).toBe("old");
});

it("removes what killed processes left of the same file, its own number among them, and nothing that is another's", async () => {
  const at = folder();
  const [mine, dead] = [`.a.json.${process.pid}.part`, `.a.json.${nobody}.part`];
  const others = [`.a.json.${process.ppid}.part`, `.b.json.${nobody}.part`, "a.json.part", ".a.json.x.part"];
  for (const name of [mine, dead, ...others]) writeFileSync(join(at, name), "half");
  await writeWhole(join(at, "a.json"), (file) => file.writeFile("whole"));
  expect(readdirSync(at).sort()).toEqual(["a.json", ...others].sort());
});

it("knows who is alive", () => {
  expect([process.pid, process.ppid, nobody].map(isAlive)).toEqual([true, true, false]);
});
