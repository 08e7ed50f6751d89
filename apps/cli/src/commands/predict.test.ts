import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSafetensors } from "@roentgen/checkpoints";
import { decodeMask, encodeMask } from "@roentgen/data";
import { demoFolder } from "@roentgen/data/node";
import { unet } from "@roentgen/models";
import { dispose, materialize, stateDict } from "@roentgen/nn";
import { withDevice } from "@roentgen/tensor/testing/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { createProgram } from "../program.ts";

const description = {
  format: 1, roentgen: "0.1.0", trial: "brain-random-0", init: "random", task: { kind: "mask", classes: ["brain"] },
  network: { kind: "unet", depth: 18, strideOn: "3x3", padding: "symmetric", poolPadding: "symmetric", eps: 1e-5 },
  size: 32, batch: 2, precision: "f32", input: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

withDevice("roentgen predict", (device) => {
  let folder = "";
  let model = "";
  let [said, told] = ["", ""];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "roentgen-predict-"));
    model = join(folder, "model.safetensors");
    const network = materialize(unet({ encoder: { depth: 18 } }), device(), { seed: 3 });
    writeFileSync(model, formatSafetensors(await stateDict(network), new Map([["roentgen.model", JSON.stringify(description)]])));
    dispose(network);
    mkdirSync(join(folder, "scans/deep"), { recursive: true });
    for (const [i, name] of ["b.png", "a.png", "deep/c.png"].entries()) copyFileSync(new URL(`brain/test/itk-t1-axial-0${i}.png`, demoFolder), join(folder, "scans", name));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    [said, told] = ["", ""];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((said += String(text)), true));
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((told += String(text)), true));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });

  const roentgen = (...args: string[]) => createProgram().parseAsync(["node", "roentgen", ...args]);

  it("writes masks in the size of their images, under their names, and tells their shares", async () => {
    const out = join(folder, "masks");
    const json = join(folder, "masks.json");
    await roentgen("predict", model, join(folder, "scans"), "--out", out, "--json", json);
    expect(process.exitCode).toBeUndefined();
    expect(readdirSync(out, { recursive: true }).sort()).toEqual(["a.png", "b.png", "deep", "deep/c.png"]);
    const { model: kept, images, skipped } = JSON.parse(readFileSync(json, "utf8")) as { model: unknown; images: { file: string; marked: number; width: number; height: number; mask: string }[]; skipped: unknown[] };
    expect(kept).toEqual({ file: "model.safetensors", ...description });
    expect(skipped).toEqual([]);
    expect(images.map(({ file }) => file)).toEqual(["a.png", "b.png", "deep/c.png"].map((name) => join(folder, "scans", name)));
    for (const { width, height, marked, mask } of images) {
      const written = await decodeMask(new Uint8Array(readFileSync(mask)), mask);
      expect([written.width, written.height]).toEqual([width, height]);
      expect(written.width).toBe(80);
      expect(written.data.reduce((sum, v) => sum + v, 0) / written.data.length).toBe(marked);
    }
    expect(told).toContain("brain-random-0: U-Net, ResNet-18, 32 px; masks of brain; on ");
    expect(said).toBe("");

    const before = readFileSync(join(out, "a.png"));
    writeFileSync(join(out, "a.png"), encodeMask({ width: 1, height: 1, data: Uint8Array.of(0) }));
    await expect(roentgen("predict", model, join(folder, "scans"), "--out", out)).rejects.toThrow(/a\.png, .*c\.png are there already/);
    await roentgen("predict", model, join(folder, "scans"), "--out", out, "--replace");
    expect(readFileSync(join(out, "a.png")).equals(before)).toBe(true);
    expect(said).toMatch(/^file +brain +mask\n-+ {2}-+ {2}-+\n.*a\.png +\d+\.\d % +.*masks\/a\.png\n/);
  });

  it("names an image that cannot be read, goes on with the others, and ends with 1", async () => {
    const broken = join(folder, "broken.png");
    writeFileSync(broken, readFileSync(join(folder, "scans/a.png")).subarray(0, 500));
    await roentgen("predict", model, broken, join(folder, "scans/a.png"), "--csv", "-", "--batch", "1");
    expect(process.exitCode).toBe(1);
    expect(told).toMatch(/skipped: .*broken\.png: not a PNG that can be read/);
    expect(told).toContain("1 of 2 images is not among the results, for the reasons above.");
    expect(said).toMatch(/^file,brain\r\n.*a\.png,0?\.?\d+\r\n$/);
    said = "";
    await roentgen("predict", model, broken, "--json", "-");
    expect(JSON.parse(said)).toMatchObject({ images: [], skipped: [{ file: broken, reason: expect.stringContaining("not a PNG that can be read") }] });
  });

  it("refuses what is no kept model before it looks for a device", async () => {
    await expect(roentgen("predict", join(folder, "none.safetensors"), folder)).rejects.toThrow("none.safetensors is no file. Give a model that a study kept");
    await expect(roentgen("predict", join(folder, "scans/a.png"), folder)).rejects.toThrow(/a\.png: .*Give a file of the folder models/);
    await expect(roentgen("predict", model, join(folder, "scans"))).rejects.toThrow("this model draws masks");
    expect(existsSync(join(folder, "scans/masks"))).toBe(false);
  });
});
