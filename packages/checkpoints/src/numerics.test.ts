import { CheckpointError } from "@roentgen/core";
import { expect, it } from "vitest";
import { kerasResnet50Numerics } from "./keras-resnet50.ts";
import { type Numerics, numericsFromMetadata, numericsToMetadata, torchvisionNumerics } from "./numerics.ts";

const odd: Numerics = { strideOn: "1x1", padding: "same", bnEps: 1.001e-5, input: { mean: [0, -1.5, 0.1 + 0.2], std: [1, 1e-7, 3], range: [-1, 1] } };

it.each([["torchvision's", torchvisionNumerics], ["Keras'", kerasResnet50Numerics], ["odd", odd], ["SimCLR's", { ...torchvisionNumerics, poolPadding: "same" } satisfies Numerics]])("%s numerics come back from metadata to the bit", (_, numerics) => {
  expect(numericsFromMetadata(numericsToMetadata(numerics))).toEqual(numerics);
});

it("are written under names of the project's own", () => {
  expect(Object.fromEntries(numericsToMetadata(kerasResnet50Numerics))).toEqual({
    "roentgen.stride": "1x1",
    "roentgen.padding": "symmetric",
    "roentgen.bn_eps": "0.001",
    "roentgen.input_mean": "0.485 0.456 0.406",
    "roentgen.input_std": "0.229 0.224 0.225",
    "roentgen.input_range": "0 1",
  });
});

it("are undefined for a file from elsewhere, so that the caller decides", () => {
  expect(numericsFromMetadata(new Map([["format", "pt"]]))).toBeUndefined();
});

it.each([
  ["roentgen.stride", undefined, "roentgen.stride missing, though other numerics are given"],
  ["roentgen.stride", "2x2", 'roentgen.stride must be 1x1 or 3x3, is "2x2"'],
  ["roentgen.padding", "SAME", 'roentgen.padding must be symmetric or same, is "SAME"'],
  ["roentgen.bn_eps", "0", 'roentgen.bn_eps must be a number above 0, is "0"'],
  ["roentgen.bn_eps", "tiny", "roentgen.bn_eps must be 1 number"],
  ["roentgen.input_mean", "0.5 0.5", "roentgen.input_mean must be 3 numbers with a space between"],
  ["roentgen.input_mean", "0.5 0.5  0.5", "roentgen.input_mean must be 3 numbers"],
  ["roentgen.input_mean", "0.5 NaN 0.5", "roentgen.input_mean must be 3 numbers"],
  ["roentgen.input_std", "1 0 1", "roentgen.input_std must be three numbers above 0"],
  ["roentgen.input_range", "1 0", "roentgen.input_range must be a lower and a higher number"],
])("refuse %s = %j", (key, value, message) => {
  const metadata = numericsToMetadata(torchvisionNumerics);
  if (value === undefined) metadata.delete(key);
  else metadata.set(key, value);
  expect(() => numericsFromMetadata(metadata)).toThrowError(message);
  expect(() => numericsFromMetadata(metadata)).toThrowError(CheckpointError);
});
