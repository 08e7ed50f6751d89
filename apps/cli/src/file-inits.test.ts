import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileInits, initsOf } from "./study-parts.ts";

const study = join(import.meta.dirname, "../../../packages/checkpoints/fixtures/study.yaml");

describe("initialisations that are files", () => {
  it("are found beside the study, described with their hash, and read when they are wanted", async () => {
    const inits = await fileInits(["random", "file:torch/swav_800ep_pretrain.pth.tar.gz"], study);
    expect([...inits.keys()]).toEqual(["file:torch/swav_800ep_pretrain.pth.tar.gz"]);
    const init = inits.get("file:torch/swav_800ep_pretrain.pth.tar.gz")!;
    expect(init.description).toMatch(/^SwAV \(swav, likely\), resnet50, from swav_800ep_pretrain\.pth\.tar\.gz, .*; sha256 [0-9a-f]{64}$/);
    expect(init.description).toContain(init.sha256);
    const loaded = await init.load();
    expect(loaded.kind === "weights" ? [loaded.tensors.size, loaded.numerics?.input.std] : loaded).toEqual([318, [0.228, 0.224, 0.225]]);
  });

  it("stand beside those that have names, and a name that is none stops the study", async () => {
    const offline = { allowDownload: false, onProgress: () => undefined };
    const inits = await initsOf(["random", "byol", "file:torch/swav_800ep_pretrain.pth.tar.gz"], study, offline);
    expect([...inits.keys()]).toEqual(["random", "imagenet", "file:torch/swav_800ep_pretrain.pth.tar.gz", "byol"]);
    await expect(initsOf(["random", "imagnet"], "study.yaml", offline)).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: study.yaml: inits: there is no initialisation named "imagnet". Take random, imagenet, file:PATH, or one that \`roentgen models\` lists.]`);
  });

  it("stop the study before it begins where they are wrong", async () => {
    const gone = (await fileInits(["file:nowhere.pth"], study)).get("file:nowhere.pth");
    expect(await gone?.load()).toEqual({ kind: "unavailable", reason: expect.stringMatching(/^there is no .*nowhere\.pth$/), mustBeThere: true });
    await expect(fileInits(["file:write_torch.py"], study)).rejects.toThrow("no kind of weight file");
  });
});
