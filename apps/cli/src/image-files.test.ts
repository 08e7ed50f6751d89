import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imagesAt } from "./image-files.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "roentgen-images-"));
  for (const name of ["scans/b.png", "scans/a.PNG", "scans/deep/er/c.png", "scans/notes.txt", "scans/._a.png", "scans/.cache/d.png", "scans/masks/b.png", "other.image", "empty/readme.md"]) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), "");
  }
  symlinkSync(join(folder, "scans"), join(folder, "scans/deep/circle"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const at = (...names: string[]) => names.map((name) => join(folder, name));

describe("imagesAt", () => {
  it("takes every PNG below a folder, in order, and files by whatever name, each once", async () => {
    const images = await imagesAt([...at("other.image"), `${folder}/scans/`, ...at("scans/b.png")], join(folder, "scans/masks"));
    expect(images.map(({ below }) => below)).toEqual(["other.image", "a.PNG", "b.png", "deep/er/c.png"]);
    expect(images.map(({ path }) => path)).toEqual(at("other.image", "scans/a.PNG", "scans/b.png", "scans/deep/er/c.png"));
    expect(images.map(({ name }) => name)).toEqual(images.map(({ path }) => path));
    expect((await imagesAt(at("scans"))).map(({ below }) => below)).toContain("masks/b.png");
  });

  it("says what is wrong with a name", async () => {
    await expect(imagesAt(at("nowhere"))).rejects.toThrow(/nowhere is not there\. Name images \(PNG\), or folders of them\.$/);
    await expect(imagesAt(at("empty"))).rejects.toThrow(/empty: there is no \*\.png in this folder or below it\./);
    await expect(imagesAt(at("scans"), `${folder}/scans/`)).rejects.toThrow(/scans is the folder of the images and of the results\. Give another --out\.$/);
  });
});
