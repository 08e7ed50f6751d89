import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSafetensors, numericsToMetadata, torchvisionNumerics } from "@roentgen/checkpoints";
import { convertFile } from "@roentgen/checkpoints/node";
import { hostTensor } from "@roentgen/core";
import { ResNet, UNet } from "@roentgen/models";
import { fileShape, nameModules } from "@roentgen/nn";
import { describe, expect, it } from "vitest";
import { convertedName, detailsOf, titleOf } from "./weights-report.ts";
import { convertWeights, inspectWeights, loadWeights } from "./weights.ts";

const fixtures = join(import.meta.dirname, "../../../packages/checkpoints/fixtures/torch");
const fixture = (name: string): File => new File([readFileSync(join(fixtures, name))], name);

/** A model of ours as the safetensors file that a study leaves, all zeros. */
function saved(model: ResNet | UNet, metadata = new Map<string, string>()): File {
  nameModules(model);
  const tensors = [...model.parameters()].map((p) => [p.path, p.path.endsWith("num_batches_tracked") ? hostTensor("i64", []) : hostTensor("f32", fileShape(p))] as const);
  return new File([formatSafetensors(new Map(tensors), metadata).slice()], "saved.safetensors");
}

describe("weight files", () => {
  it("of a known method are recognised, with what they compute with and what is left out", async () => {
    const { depth, numerics, report } = await inspectWeights(fixture("swav_800ep_pretrain.pth.tar.gz"));
    expect([depth, numerics.input.std]).toEqual([50, [0.228, 0.224, 0.225]]);
    expect(titleOf(report)).toBe("ResNet-50: SwAV; the file's name decides");
    const details = detailsOf(report);
    expect(details.map(({ head }) => head)).toEqual(["Found", expect.stringMatching(/^Left out \(\d+\)$/), expect.stringMatching(/^Renamed \(318\)$/)]);
    expect(details[1]?.lines).toContain("module.prototypes.weight");
    expect(details[2]?.lines).toContain("module.conv1.weight → conv1.weight");
  });

  it("become the safetensors file that roentgen convert writes, to the byte", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roentgen-web-"));
    const out = join(folder, "resnet18.safetensors");
    await convertFile(join(fixtures, "resnet18.pth.gz"), out);
    const ours = Buffer.from(await (await convertWeights(fixture("resnet18.pth.gz"))).arrayBuffer());
    expect(ours.equals(readFileSync(out))).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it("of a study's own are read with the numerics they carry", async () => {
    const numerics = { ...torchvisionNumerics, strideOn: "1x1" as const, poolPadding: "same" as const };
    expect(await inspectWeights(saved(new ResNet({ depth: 18, classes: 3 }), numericsToMetadata(numerics)))).toMatchObject({ depth: 18, numerics });
    expect(await inspectWeights(saved(new ResNet({ depth: 18, classes: 3 })))).toMatchObject({ depth: 18, numerics: torchvisionNumerics, report: { sureness: "guess" } });
  });

  it("of a U-Net are read whole, for a trial to take the encoder", async () => {
    const file = saved(new UNet({ encoder: { depth: 18 } }));
    expect(titleOf((await inspectWeights(file)).report)).toMatch(/^ResNet-18, the encoder of a U-Net: /);
    const loaded = await loadWeights(file);
    expect(loaded).toMatchObject({ kind: "weights", numerics: torchvisionNumerics });
    expect(loaded.kind === "weights" && ["encoder.conv1.weight", "decoder.blocks.0.conv1.0.weight"].every((name) => loaded.tensors.has(name))).toBe(true);
  });

  it("that are none are refused", async () => {
    await expect(inspectWeights(new File(["no weights, but text"], "notes.txt"))).rejects.toThrow(/^notes.txt: this is no kind of weight file/);
    await expect(inspectWeights(new File(["<!doctype html>"], "swav.pth.tar"))).rejects.toThrow(/^swav.pth.tar: this is a web page/);
  });
});

it.each([["swav_800ep_pretrain.pth.tar", "swav_800ep_pretrain.safetensors"], ["ResNet50_1x.zip", "ResNet50_1x.safetensors"], ["a.b.safetensors", "a.b.safetensors"], ["weights", "weights.safetensors"]])("%s is saved as %s", (name, converted) => {
  expect(convertedName(name)).toBe(converted);
});
