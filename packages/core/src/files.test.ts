import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
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
      expect(readdirSync(at).filter((name) => name.endsWith(".part"))).toEqual([expect.stringMatching(/^\.a\.json\.[0-9a-f-]{36}\.part$/)]);
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

it("removes what a killed process left in the folder an hour ago, and nothing that is another's", async () => {
  const at = folder();
  const part = (name: string) => `.${name}.${randomUUID()}.part`;
  const [old, older, fresh] = [part("a.json"), part("b.json"), part("a.json")];
  const others = ["a.json.part", ".a.json.x.part", `a.json.${randomUUID()}.part`];
  for (const name of [old, older, fresh, ...others]) writeFileSync(join(at, name), "half");
  const hourAgo = Date.now() / 1000 - 3601;
  for (const name of [old, older, ...others]) utimesSync(join(at, name), hourAgo, hourAgo);
  await writeWhole(join(at, "a.json"), (file) => file.writeFile("whole"));
  expect(readdirSync(at).sort()).toEqual(["a.json", fresh, ...others].sort());
});

it("writes the same file twice at a time, each whole, the last to end staying", async () => {
  const at = folder();
  const gates: (() => void)[] = [];
  const [firstMay, secondMay] = [0, 1].map((i) => new Promise<void>((resolve) => (gates[i] = resolve))) as [Promise<void>, Promise<void>];
  const write = (text: string, may: Promise<void>) => writeWhole(join(at, "a"), async (file) => {
    await file.writeFile(text.slice(0, 3));
    await may;
    await file.writeFile(text.slice(3));
  });
  const [one, two] = [write("first one", firstMay), write("the second", secondMay)];
  gates[1]?.();
  await two;
  expect(readFileSync(join(at, "a"), "utf8")).toBe("the second");
  gates[0]?.();
  await one;
  expect(readFileSync(join(at, "a"), "utf8")).toBe("first one");
  expect(readdirSync(at)).toEqual(["a"]);
});

it("writes the file that a link names, and refuses what is no ordinary file", async () => {
  const at = folder();
  mkdirSync(join(at, "elsewhere"));
  writeFileSync(join(at, "elsewhere", "a"), "old");
  symlinkSync(join("elsewhere", "a"), join(at, "link"));
  await writeWhole(join(at, "link"), (file) => file.writeFile("new"));
  expect(lstatSync(join(at, "link")).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(at, "elsewhere", "a"), "utf8")).toBe("new");
  for (const path of [join(at, "elsewhere"), "/dev/null"]) {
    await expect(writeWhole(path, (file) => file.writeFile("new"))).rejects.toThrow(`${path} cannot be written: it is no ordinary file. Give the name of a file.`);
  }
  expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
});

it("knows who is alive", () => {
  expect([process.pid, process.ppid, nobody].map(isAlive)).toEqual([true, true, false]);
});
