import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { folderStore, lockFolder } from "./node.ts";

/** No system gives a process so high a number. */
const nobody = 2 ** 30;

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

  it("reads the old file beside what a kill left of a new one", async () => {
    const folder = fresh();
    const store = folderStore(folder);
    await store.write("state", Uint8Array.of(1));
    writeFileSync(join(folder, `.state.${2 ** 22 + 1}.part`), "half");
    expect([...((await store.read("state")) ?? [])]).toEqual([1]);
    await store.write("state", Uint8Array.of(2));
    expect([...((await store.read("state")) ?? [])]).toEqual([2]);
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
    expect(readFileSync(join(folder, "run.lock"), "utf8")).toBe(`${process.pid} ${hostname()}`);
    await expect(lockFolder(folder)).rejects.toThrow("this process is running a study there");
    await release();
    expect(readdirSync(folder)).toEqual([]);
    writeFileSync(join(folder, "run.lock"), `${process.ppid} ${hostname()}`);
    await expect(lockFolder(folder)).rejects.toThrow(`process ${process.ppid} is running a study there`);
    writeFileSync(join(folder, "run.lock"), `${nobody} elsewhere`);
    await expect(lockFolder(folder)).rejects.toThrow(`process ${nobody} of elsewhere is running a study there`);
    // A process that had this one's number before it.
    for (const text of [`${nobody} ${hostname()}`, `${process.pid} ${hostname()}`, String(nobody), ""]) {
      writeFileSync(join(folder, "run.lock"), text);
      await (await lockFolder(folder))();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it("waits for a lock that is being written", async () => {
    const folder = fresh();
    writeFileSync(join(folder, "run.lock"), "");
    const locked = lockFolder(folder);
    setTimeout(() => writeFileSync(join(folder, "run.lock"), `${process.ppid} ${hostname()}`), 50);
    await expect(locked).rejects.toThrow(`process ${process.ppid} is running a study there`);
  });

  it("lets one of several in where they find a dead one's lock together", { timeout: 60_000 }, async () => {
    const program = `
      const { lockFolder } = await import(${JSON.stringify(new URL("./node.ts", import.meta.url).href)});
      const [folder, at] = process.argv.slice(-2);
      while (Date.now() < Number(at)) {}
      await lockFolder(folder).then(() => console.log("in"), () => console.log("out"));
      await new Promise((resolve) => setTimeout(resolve, 1000));`;
    const folder = fresh();
    writeFileSync(join(folder, "run.lock"), `${nobody} ${hostname()}`);
    const at = String(Date.now() + 4000);
    const runs = Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, ["--import", "tsx", "--conditions=source", "--input-type=module", "-e", program, "--", folder, at]));
    expect((await Promise.all(runs)).map(({ stdout }) => stdout.trim()).sort()).toEqual(["in", "out", "out", "out"]);
  });

  it("says what to do where the lock cannot be written", async () => {
    const folder = fresh();
    mkdirSync(join(folder, "run.lock"));
    await expect(lockFolder(folder)).rejects.toThrow(/cannot hold results: .*EISDIR.*Choose another folder with --out/);
  });
});
