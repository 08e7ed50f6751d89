import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openContainer } from "../containers/open.ts";
import { memorySource } from "../random-access.ts";
import { convertContainer, type ConvertOptions, readAll } from "./convert.ts";
import { expectMicroResnet } from "./micro-resnet.fixture.ts";

const fixture = (path: string) => memorySource(new Uint8Array(readFileSync(new URL(`../../fixtures/${path}`, import.meta.url))), path);
const convert = async (path: string, options: Partial<ConvertOptions> = {}) => convertContainer(await openContainer(fixture(path)), { fileName: path, ...options });

describe("one network in the formats of other frameworks", () => {
  it.each([
    ["byol.pkl.gz", "byol", "online_params", 20 + 53 * 4],
    ["byol-numpy2.pkl.gz", "byol", "online_params", 20 + 53 * 4],
    ["simclr-v1.zip", "simclr-v1", "base_model/", 3],
    ["simclr-v2.zip", "simclr-v2", "base_model/", 463],
    ["numpy/micro-resnet.npz", "plain", "", 0],
  ])("%s gives the same tensors, bit for bit", async (path, method, at, dropped) => {
    const { tensors, report } = await convert(path);
    expect([report.method, report.path, report.width, report.dropped.length]).toEqual([method, at, 4, dropped]);
    expectMicroResnet(await readAll(tensors));
  });
});

describe("BYOL", () => {
  it("keeps SAME padding and its classifier, and pads as the study did on request", async () => {
    const native = await convert("byol.pkl.gz");
    expect([native.numerics.padding, native.report.fc, native.metadata.get("roentgen.padding")]).toEqual(["same", "imagenet1k", "same"]);
    const study = await convert("byol.pkl.gz", { padding: "study" });
    expect([study.numerics.padding, study.metadata.get("roentgen.padding"), study.metadata.get("roentgen.padding_native")]).toEqual(["symmetric", "symmetric", "same"]);
  });
});

describe("SimCLR", () => {
  it("takes RGB as it is, pads only its max-pool by SAME, and has no mean to subtract", async () => {
    const { numerics, report } = await convert("simclr-v1.zip");
    expect(numerics).toEqual({ strideOn: "3x3", padding: "symmetric", poolPadding: "same", bnEps: 1e-5, input: { mean: [0, 0, 0], std: [1, 1, 1], range: [0, 1] } });
    expect(report.renamed.find(([from]) => from === "base_model/conv2d_1/kernel")).toEqual(["base_model/conv2d_1/kernel", "layer1.0.downsample.0.weight"]);
    const study = await convert("simclr-v1.zip", { padding: "study" });
    expect([study.numerics.poolPadding, study.metadata.get("roentgen.padding_native")]).toEqual([undefined, "symmetric, max-pool same"]);
  });
});
