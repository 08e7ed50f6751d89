import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { convertFile } from "@roentgen/checkpoints/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelInits } from "./model-inits.ts";

const fixture = (name: string) => join(import.meta.dirname, "../../../packages/checkpoints/fixtures/torch", `${name}.gz`);
let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "roentgen-models-"))));
afterEach(() => rmSync(folder, { recursive: true }));

describe("initialisations that are rows of the model table", () => {
  it("are the released file, read as what its row says", async () => {
    writeFileSync(join(folder, "PCL_v2_epoch200.pth.tar"), gunzipSync(readFileSync(fixture("PCL_v2_epoch200.pth.tar"))));
    const inits = await modelInits(["random", "pcl-v2", "imagenet"], folder);
    expect([...inits.keys()]).toEqual(["pcl-v2"]);
    const { description, sha256, load } = inits.get("pcl-v2")!;
    expect(description).toBe(`PCL v2 (pcl-v2), resnet50, from PCL_v2_epoch200.pth.tar, MIT; sha256 ${sha256}`);
    const loaded = await load();
    expect(loaded.kind === "weights" ? loaded.tensors.size : loaded).toBe(318);
  });

  it("are the converted file where there is one, with its numerics", async () => {
    await convertFile(fixture("swav_800ep_pretrain.pth.tar"), join(folder, "swav.safetensors"));
    const loaded = await (await modelInits(["swav"], folder)).get("swav")!.load();
    expect(loaded.kind === "weights" ? [loaded.tensors.size, loaded.numerics?.input.std] : loaded).toEqual([318, [0.228, 0.224, 0.225]]);
  });

  it("say how to get what is not there", async () => {
    const loaded = await (await modelInits(["byol"], folder)).get("byol")!.load();
    expect(loaded).toEqual({ kind: "unavailable", reason: `neither pretrain_res50x1.pkl nor byol.safetensors is in ${folder}. Run roentgen fetch byol, or get it from https://storage.googleapis.com/deepmind-byol/checkpoints/pretrain_res50x1.pkl (CC BY-NC 4.0 (weights))` });
  });

  it("stop the study where another model's file lies under the name", async () => {
    copyFileSync(fixture("resnet18.pth"), join(folder, "swav_800ep_pretrain.pth.tar"));
    await expect(modelInits(["swav"], folder)).rejects.toThrow(/the file is not what swav releases/);
    await convertFile(fixture("InsDis.pth"), join(folder, "pirl.safetensors"));
    await expect(modelInits(["pirl"], folder)).rejects.toThrow(/converted from insdis, expected pirl/);
  });
});
