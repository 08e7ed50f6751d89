import { execFileSync } from "node:child_process";
import { mkdtemp, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Dataset, loadDataset } from "./dataset.ts";
import { demoFolder, demoSource, folderSource } from "./node.ts";
import { urlSource } from "./source.ts";

describe("folderSource", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "roentgen-data-"));
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "sub", "a.bin"), Uint8Array.of(1, 2, 3));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.skipIf(process.platform === "win32")("refuses a pipe at once, which nobody writes to", async () => {
    execFileSync("mkfifo", [join(folder, "pipe.png")]);
    await expect(folderSource(folder).readFile("pipe.png")).rejects.toThrow("pipe.png: is not a file");
  });

  it("reads a file below the folder", async () => {
    expect(await folderSource(folder).readFile("sub/a.bin", 3)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it.each([
    ["sub/b.bin", 3, /sub\/b\.bin: cannot be opened below/],
    ["sub", 3, /sub: is not a file/],
    ["sub/a.bin", 2, /sub\/a\.bin: has 3 bytes, at most 2 are read/],
  ])("refuses %s with a limit of %s bytes", async (path, limit, message) => {
    await expect(folderSource(folder).readFile(path, limit)).rejects.toThrow(message);
  });
});

describe("urlSource", () => {
  const server = createServer((request, response) => {
    if (request.url !== "/set/train/a.bin") response.writeHead(404).end();
    else response.end(Uint8Array.of(1, 2, 3));
  });
  let base = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/set`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it("reads a file below the address", async () => {
    expect(await urlSource(base).readFile("train/a.bin", 3)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("names a file that is missing or too long", async () => {
    await expect(urlSource(base).readFile("b.bin")).rejects.toThrow(/b\.bin: the server answered 404/);
    await expect(urlSource(`${base}/`).readFile("train/a.bin", 2)).rejects.toThrow(/train\/a\.bin: more than 2 bytes/);
  });
});

describe("the demonstration sets", () => {
  let plane: Dataset;
  let brain: Dataset;
  beforeAll(async () => {
    plane = await loadDataset(demoSource("plane"));
    brain = await loadDataset(demoSource("brain"));
  });

  it("have the splits, classes and sizes that their README states", () => {
    expect((["train", "val", "test"] as const).map((s) => plane.split(s).length)).toEqual([114, 48, 96]);
    expect((["train", "val", "test"] as const).map((s) => brain.split(s).length)).toEqual([60, 24, 48]);
    for (const split of ["train", "val", "test"] as const) {
      const counts = [0, 1, 2].map((label) => plane.split(split).filter((s) => s.labels[0] === label).length);
      expect(new Set(counts).size).toBe(1);
      for (const { image } of [...plane.split(split), ...brain.split(split)]) expect([image.width, image.height]).toEqual([80, 80]);
    }
    expect(new Set(plane.split("test").map((s) => s.subject))).toEqual(new Set(["itk-t1"]));
  });

  it("have masks that cover a plausible part of every image, brighter inside than the rest", () => {
    for (const { mask, image, file } of [...brain.split("train"), ...brain.split("val"), ...brain.split("test")]) {
      const inside = mask?.data.reduce((sum, v) => sum + v, 0) ?? 0;
      expect(inside / 6400, file).toBeGreaterThan(0.02);
      expect(inside / 6400, file).toBeLessThan(0.6);
      const lit = mask?.data.reduce((sum, v, i) => sum + v * (image.data[i * 3] ?? 0), 0) ?? 0;
      const all = image.data.reduce((sum, v) => sum + v, 0) / 3;
      expect(lit / inside, file).toBeGreaterThan((all - lit) / (6400 - inside));
    }
  });

  it("take no more than three megabytes", async () => {
    const files = (await readdir(demoFolder, { recursive: true, withFileTypes: true })).filter((f) => f.name.endsWith(".png"));
    const sizes = await Promise.all(files.map(async (f) => (await stat(join(f.parentPath, f.name))).size));
    expect(files.length).toBe(258 + 2 * 132);
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(3e6);
  });
});
