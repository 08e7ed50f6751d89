import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSafetensors } from "@roentgen/checkpoints";
import { CheckpointError } from "@roentgen/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createProgram } from "../program.ts";

const fixture = (name: string) => join(import.meta.dirname, "../../../../packages/checkpoints/fixtures/torch", name);
let folder = "";
let said = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roentgen-convert-"));
  said = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const roentgen = (...args: string[]) => createProgram().parseAsync(["node", "roentgen", ...args]);

describe("roentgen convert", () => {
  it("writes torchvision's names, and tells how it knew and what it left out", async () => {
    const out = join(folder, "resnet18.safetensors");
    await roentgen("convert", fixture("resnet18.pth.gz"), "--out", out);
    const { tensors, metadata } = parseSafetensors(new Uint8Array(readFileSync(out)));
    expect([tensors.size, tensors.get("fc.weight")?.shape, tensors.get("conv1.weight")?.data[0]]).toEqual([122, [1000, 512], 1]);
    expect([metadata.get("roentgen.arch"), metadata.get("roentgen.stride"), metadata.get("roentgen.source_container")]).toEqual(["resnet18", "3x3", "gzip > torch-zip"]);
    expect(said).toContain("resnet18.pth.gz: a ResNet of unknown training (plain), a guess");
    expect(said).toContain("written     ");
    expect(readdirSync(folder)).toEqual(["resnet18.safetensors"]);
  });

  it("lists renamed, dropped and missing names", async () => {
    await roentgen("convert", fixture("moco_v2_800ep_pretrain.pth.tar.gz"));
    expect(said).toContain("  files of pcl-v2 look the same");
    expect(said).toContain("  module.encoder_q.conv1.weight -> conv1.weight");
    expect(said).toContain("dropped (4)\n  module.encoder_q.fc.0.weight");
    said = "";
    await roentgen("convert", fixture("resnet50-0676ba61.pth.gz"), "--json");
    expect(JSON.parse(said)).toMatchObject({ report: { method: "imagenet-v1", synthesised: expect.objectContaining({ length: 53 }) }, metadata: { "roentgen.num_batches_tracked": "synthesised" } });
  });

  it("leaves nothing behind where it fails", async () => {
    const bad = join(folder, "bad.pth");
    const whole = readFileSync(fixture("resnet18.pth.gz"));
    writeFileSync(bad, whole.subarray(0, whole.length - 100));
    await expect(roentgen("convert", bad, "--out", join(folder, "x.safetensors"))).rejects.toThrow(CheckpointError);
    await expect(roentgen("convert", fixture("resnet18.pth.gz"), "--out", join(folder, "none", "x.safetensors"))).rejects.toThrow(/cannot be written/);
    await expect(roentgen("convert", fixture("resnet18.pth.gz"), "--method", "swav", "--out", join(folder, "x.safetensors"))).rejects.toThrow(/not what swav releases/);
    expect(readdirSync(folder)).toEqual(["bad.pth"]);
  });
});

it("roentgen inspect lists tensors and names what it did not read", async () => {
  await roentgen("inspect", fixture("InsDis.pth.gz"));
  expect(said).toContain("InsDis.pth.gz: gzip > torch-legacy");
  expect(said).toMatch(/model\.module\.encoder\.conv1\.weight +f32\[64,3,7,7\] +37,632/);
  expect(said).toMatch(/opt +object of argparse\.Namespace, not read/);
});

it("roentgen models lists every model of the study and what is here", async () => {
  vi.stubEnv("XDG_CACHE_HOME", folder);
  await roentgen("models", "--json");
  const { models } = JSON.parse(said) as { models: { id: string; url: string; local: string | null }[] };
  expect(models).toHaveLength(22);
  expect(models.every(({ url, local }) => url.startsWith("https://") && local === null)).toBe(true);
});
