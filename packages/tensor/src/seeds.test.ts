import { nullDevice } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { seedFor } from "./seeds.ts";

const key = "conv2d.backwardX f32 x 8x16x16x64 weight 64x3x3x64 stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1";
const { info } = nullDevice();

it("ships what was measured, for the adapter it was measured on", () => {
  expect(seedFor({ ...info, description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, key)).toBe("winograd-lanes");
  expect(seedFor({ ...info, description: "another" }, key)).toBeUndefined();
  expect(seedFor({ ...info, description: "llvmpipe" }, "another task")).toBeUndefined();
  expect(seedFor({ ...info, description: "llvmpipe" }, "constructor")).toBeUndefined();
});
