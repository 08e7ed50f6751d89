import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openContainer } from "../containers/open.ts";
import { numericsFromMetadata } from "../numerics.ts";
import { memorySource } from "../random-access.ts";
import { canonicalShapes } from "./architecture.ts";
import { type Conversion, convertContainer, type ConvertOptions } from "./convert.ts";

const packed = (file: string) => new Uint8Array(readFileSync(new URL(`../../fixtures/torch/${file}.gz`, import.meta.url)));

async function convert(file: string, { name = file, ...options }: Partial<ConvertOptions> & { name?: string } = {}): Promise<Conversion> {
  return convertContainer(await openContainer(memorySource(new Uint8Array(gunzipSync(packed(file))), name)), { fileName: name, ...options });
}

const networks = {
  resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3], resnet50: [3, 4, 6, 3], resnet101: [3, 4, 23, 3], resnet152: [3, 8, 36, 3],
} as const;

/** Each tensor of a fixture is its own place in torchvision's order. Large ones, whose data are that number over and over, are spot-checked by the small. */
async function expectRightPlaces({ tensors, report }: Conversion): Promise<void> {
  const arch = report.arch.replace("unet-", "") as keyof typeof networks;
  const prefix = report.arch.startsWith("unet-") ? "encoder." : "";
  const shapes = canonicalShapes({ name: arch, blocks: networks[arch], bottleneck: !["resnet18", "resnet34"].includes(arch) });
  let place = 0;
  let compared = 0;
  for (const [name, shape] of shapes) {
    const count = name.endsWith("num_batches_tracked");
    place++;
    const tensor = tensors.get(prefix + name);
    expect([tensor?.dtype, tensor?.shape], name).toEqual([count ? "i64" : "f32", [...shape]]);
    if (tensor!.bytes > 300_000) continue;
    const [value] = (await tensor!.read()).data;
    expect(Number(value), name).toBe(report.synthesised.includes(name) ? 0 : place);
    compared++;
  }
  expect(compared).toBeGreaterThan(shapes.size * 0.7);
}

type Row = [file: string, method: string, sureness: string, container: string, path: string, fc: string, tensors: number, dropped: number];

const rows: Row[] = [
  ["resnet50-0676ba61.pth", "imagenet-v1", "certain", "torch-zip", "", "imagenet1k", 320, 0],
  ["resnet50-0676ba61.legacy.pth", "imagenet-v1", "certain", "torch-legacy", "", "imagenet1k", 320, 0],
  ["resnet50-19c8e357.pth", "imagenet-v1", "certain", "torch-tar", "", "imagenet1k", 320, 0],
  ["resnet50-11ad3fa6.pth", "imagenet-v2", "likely", "torch-zip", "", "imagenet1k", 320, 0],
  ["pytorch_model.bin", "timm", "likely", "torch-zip", "", "imagenet1k", 320, 0],
  ["inat2021_supervised_large.pth.tar", "inat2021", "likely", "torch-zip", "state_dict:", "inat2021-10000", 320, 0],
  ["inat2021_supervised_mini.pth.tar", "inat2021-mini", "likely", "torch-zip", "state_dict:", "inat2021-10000", 320, 0],
  ["InsDis.pth", "insdis", "certain", "torch-legacy", "model:module.encoder.", "none", 318, 2],
  ["PIRL.pth", "pirl", "certain", "torch-legacy", "model:module.encoder.", "none", 318, 6],
  ["InfoMin_800.pth", "infomin", "certain", "torch-legacy", "model:module.encoder.", "none", 318, 10],
  ["moco_v1_200ep_pretrain.pth.tar", "moco-v1", "likely", "torch-legacy", "state_dict:module.encoder_q.", "none", 318, 2],
  ["moco_v2_800ep_pretrain.pth.tar", "moco-v2", "likely", "torch-legacy", "state_dict:module.encoder_q.", "none", 318, 4],
  ["moco_full.pth.tar", "moco-v2", "certain", "torch-zip", "state_dict:module.encoder_q.", "none", 318, 328],
  ["PCL_v1_epoch200.pth.tar", "pcl-v1", "likely", "torch-legacy", "state_dict:module.encoder_q.", "none", 318, 2],
  ["PCL_v2_epoch200.pth.tar", "pcl-v2", "likely", "torch-legacy", "state_dict:module.encoder_q.", "none", 318, 4],
  ["swav_800ep_pretrain.pth.tar", "swav", "likely", "torch-legacy", "module.", "none", 318, 10],
  ["deepclusterv2_800ep_pretrain.pth.tar", "deepcluster-v2", "likely", "torch-legacy", "module.", "none", 318, 12],
  ["selav2_400ep_pretrain.pth.tar", "sela-v2", "likely", "torch-legacy", "module.", "none", 318, 19],
  ["barlow_twins_resnet50.pth", "barlow-twins", "likely", "torch-zip", "", "none", 318, 0],
  ["barlow_checkpoint.pth", "barlow-twins", "certain", "torch-zip", "model:module.backbone.", "none", 318, 9],
  ["vicreg_resnet50.pth", "vicreg", "likely", "torch-zip", "", "none", 318, 0],
  ["vicreg_model.pth", "vicreg", "certain", "torch-zip", "model:module.backbone.", "none", 318, 6],
  ["dino_resnet50_pretrain.pth", "dino", "likely", "torch-zip", "", "none", 318, 0],
  ["dino_resnet50_pretrain_full_checkpoint.pth", "dino", "certain", "torch-zip", "teacher:backbone.", "none", 318, 2],
  ["simsiam_checkpoint_0099.pth.tar", "simsiam", "certain", "torch-zip", "state_dict:module.encoder.", "none", 318, 8],
  ["chestxray14.pth.tar", "chestxray14", "likely", "torch-zip", "state_dict:", "chestxray14", 320, 0],
  ["ImageNet_chestxray14.pth.tar", "imagenet-chestxray14", "likely", "torch-zip", "state_dict:", "chestxray14", 320, 0],
  ["chexpert.pth.tar", "chexpert", "likely", "torch-zip", "state_dict:module.", "chexpert14", 320, 0],
  ["ImageNet_chexpert.pth.tar", "imagenet-chexpert", "likely", "torch-zip", "state_dict:module.", "chexpert14", 320, 0],
  ["ResNet50.pt", "radimagenet", "certain", "torch-zip", "backbone.", "none", 318, 0],
  ["lightly.ckpt", "lightly", "certain", "torch-zip", "state_dict:backbone.", "none", 318, 320],
  ["solo-learn.ckpt", "solo-learn", "certain", "torch-zip", "state_dict:backbone.", "none", 318, 322],
  ["mmselfsup_epoch_200.pth", "mmselfsup", "certain", "torch-zip", "state_dict:backbone.", "none", 318, 4],
  ["timm/model.safetensors", "timm", "likely", "safetensors", "", "imagenet1k", 320, 0],
  ["huggingface/model.safetensors", "huggingface", "certain", "safetensors", "resnet.", "imagenet1k", 320, 0],
  ["huggingface/pytorch_model.bin", "huggingface", "certain", "torch-zip", "resnet.", "imagenet1k", 320, 0],
  ["resnet18.pth", "plain", "guess", "torch-zip", "", "unknown-1000", 122, 0],
  ["resnet34.pth", "plain", "guess", "torch-zip", "model.", "none", 216, 0],
  ["resnet101.pth", "plain", "guess", "torch-legacy", "", "unknown-3", 626, 0],
  ["resnet152.pth", "plain", "guess", "torch-zip", "", "none", 930, 0],
  ["unet_resnet18.pth", "smp-unet", "certain", "torch-zip", "encoder.", "none", 182, 0],
];

describe("files as their methods write them", () => {
  it.each(rows)("%s is %s (%s)", async (file, method, sureness, container, path, fc, tensors, dropped) => {
    const conversion = await convert(file);
    const { report } = conversion;
    expect([report.method, report.sureness, report.container, report.path, report.fc, conversion.tensors.size, report.dropped.length]).toEqual([method, sureness, container, path, fc, tensors, dropped]);
    await expectRightPlaces(conversion);
    expect(numericsFromMetadata(conversion.metadata)).toEqual(conversion.numerics);
  });
});
