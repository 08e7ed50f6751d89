import { describe, expect, it } from "vitest";
import { modelNamed } from "@roentgen/models";
import { formatSummary, summary } from "./summary.ts";

describe("summary", () => {
  it("ends with totals in units a person reads", () => {
    const rows = [{ name: "conv1", op: "conv2d", output: "f32[1,112,112,64]", parameters: 9408, trainable: 9408, multiplyAdds: 118_013_952 }, { name: "", op: "globalAvgPool", output: "f32[1,64]", parameters: 0, trainable: 0, multiplyAdds: 0 }];
    expect(formatSummary("tiny", { rows, parameters: 9408, trainable: 0, tensors: 1, multiplyAdds: 118_013_952, bytes: 37_632 }, { input: 224, batch: 1 })).toMatchInlineSnapshot(`
      "tiny on f32[1,224,224,3]

      layer  op             output             parameters  multiply-adds
      -----  -------------  -----------------  ----------  -------------
      conv1  conv2d         f32[1,112,112,64]       9,408    118,013,952
             globalAvgPool  f32[1,64]

      parameters     9,408 (0 trainable)
      tensors        1 in a checkpoint
      multiply-adds  0.118 G
      memory         0.0 MB of weights and state in f32"
    `);
  });

  it.each(["resnet", "resnet49", "unet-50", "unet-resnet", "ResNet50", "resnet50 ", "vit-b-16"])("knows no model called %j and lists those it knows", (name) => {
    expect(() => modelNamed(name)).toThrow(`no model is called "${name}". There are resnet18, resnet34, resnet50, resnet101, resnet152, and each with unet- before it.`);
  });

  it("refuses an input that a U-Net cannot halve five times", () => {
    expect(() => summary("unet-resnet18", { input: 100, batch: 1 })).toThrow("must be a multiple of 32, not 100");
  });
});
