import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { folderStore, lockFolder } from "./node.ts";

const folders: string[] = [];
const fresh = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "roentgen-store-"));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe("folderStore", () => {
  it("gives back what was written, null for what was not, and leaves nothing temporary", async () => {
    const folder = fresh();
    const store = folderStore(folder);
    await store.write("trials/a.json", Uint8Array.of(1, 2, 3));
    await store.write("trials/a.json", Uint8Array.of(4));
    expect([...((await store.read("trials/a.json")) ?? [])]).toEqual([4]);
    expect(await store.read("trials/b.json")).toBeNull();
    expect(readdirSync(join(folder, "trials"))).toEqual(["a.json"]);
    await store.remove("trials/a.json");
    await store.remove("trials/a.json");
    expect(await store.read("trials/a.json")).toBeNull();
  });

  it("keeps the old file when a write cannot be finished, and overwrites what a kill left", async () => {
    const folder = fresh();
    const store = folderStore(folder);
    await store.write("state", Uint8Array.of(1));
    writeFileSync(join(folder, `.state.${2 ** 22 + 1}.part`), "half");
    expect([...((await store.read("state")) ?? [])]).toEqual([1]);
    await store.write("state", Uint8Array.of(2));
    expect(readdirSync(folder)).toEqual(["state"]);
  });

  it("refuses a name outside its folder", () => {
    expect(() => folderStore(fresh()).read("../elsewhere")).toThrow('"../elsewhere" lies outside');
  });
});

describe("lockFolder", () => {
  it("says what to do where the folder is none", async () => {
    const file = join(fresh(), "file");
    writeFileSync(file, "");
    await expect(lockFolder(file)).rejects.toThrow(/file cannot hold results: EEXIST.*Choose another folder with --out/);
  });

  it("lets one process in, and the next when it is gone", async () => {
    const folder = fresh();
    const release = await lockFolder(folder);
    expect(existsSync(join(folder, "run.lock"))).toBe(true);
    await release();
    expect(existsSync(join(folder, "run.lock"))).toBe(false);
    writeFileSync(join(folder, "run.lock"), String(process.ppid));
    await expect(lockFolder(folder)).rejects.toThrow(`process ${process.ppid} is running a study there`);
    writeFileSync(join(folder, "run.lock"), String(2 ** 22 + 1));
    await (await lockFolder(folder))();
  });
});
