import { formatSafetensors, numericsToMetadata, torchvisionNumerics } from "@roentgen/checkpoints";
import { hostTensor } from "@roentgen/core";
import { ResNet, UNet } from "@roentgen/models";
import { nameModules } from "@roentgen/nn";
import { describe, expect, it } from "vitest";
import { depthOf, inspectWeights, loadWeights } from "./weights.ts";

const namesOf = (model: ResNet | UNet): string[] => (nameModules(model), [...model.parameters()].map((p) => p.path));

/** A file with ResNet-18's names and no more than a number in each tensor. */
const small = (prefix = "", metadata = new Map<string, string>()): File =>
  new File([formatSafetensors(new Map(namesOf(new ResNet({ depth: 18, classes: 3 })).map((name) => [prefix + name, hostTensor("f32", [1])])), metadata).slice()], "small.safetensors");

describe("weight files", () => {
  it.each([18, 34, 50, 101, 152] as const)("a ResNet-%i is known by its names, alone and inside a U-Net", (depth) => {
    expect(depthOf(namesOf(new ResNet({ depth, classes: 3 })), "file")).toBe(depth);
    expect(depthOf(namesOf(new UNet({ encoder: { depth } })), "file")).toBe(depth);
  });

  it("another network is refused with what was found", () => {
    expect(() => depthOf(["features.0.weight", "features.0.bias"], "vgg.safetensors")).toThrowErrorMatchingInlineSnapshot(`[CheckpointError: vgg.safetensors: this is no ResNet-18, 34, 50, 101 or 152 with torchvision's names: expected conv1.weight and layer1.0.conv1.weight to layer4, found 2 tensors with 0-0-0-0 blocks, the first "features.0.weight".]`);
    expect(() => depthOf([], "empty.safetensors")).toThrow(/found 0 tensors with 0-0-0-0 blocks/);
  });

  it("the header alone tells depth and numerics", async () => {
    expect(await inspectWeights(small())).toEqual({ depth: 18, numerics: undefined });
    const numerics = { ...torchvisionNumerics, strideOn: "1x1" as const };
    expect(await inspectWeights(small("", numericsToMetadata(numerics)))).toEqual({ depth: 18, numerics });
  });

  it("a U-Net's encoder comes out under a ResNet's names, with torchvision's numerics where the file is silent", async () => {
    const loaded = await loadWeights(small("encoder."));
    expect(loaded).toMatchObject({ kind: "weights", numerics: torchvisionNumerics });
    expect(loaded.kind === "weights" && [...loaded.tensors.keys()]).toContain("layer1.0.conv1.weight");
  });

  it("a file that is none is refused", async () => {
    await expect(inspectWeights(new File(["no weights, but text"], "notes.txt"))).rejects.toThrow(/^notes.txt: /);
  });
});
