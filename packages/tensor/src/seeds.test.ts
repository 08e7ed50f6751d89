import { nullDevice } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { seedFor, type Seeds } from "./seeds.ts";

const { info } = nullDevice();
const seeds: readonly Seeds[] = [{ adapter: /H200/, winners: { "matmul f32 4x4": "tiled" } }, { adapter: /llvmpipe/, winners: { "matmul f32 4x4": "lanes", "conv2d a": "plain" } }];

it.each([
  ["what was measured on the adapter", "llvmpipe (LLVM 15.0.6, 256 bits)", "matmul f32 4x4", "lanes"],
  ["nothing on another adapter", "another", "matmul f32 4x4", undefined],
  ["nothing for another task", "NVIDIA H200", "conv2d a", undefined],
  ["nothing for what every object has", "llvmpipe", "constructor", undefined],
])("seeds are %s", (_, description, key, want) => {
  expect(seedFor({ ...info, description }, key, seeds)).toBe(want);
});

it("ships none for llvmpipe, where prediction knows", () => {
  expect(seedFor({ ...info, description: "llvmpipe" }, "matmul f32 4x4")).toBeUndefined();
});
