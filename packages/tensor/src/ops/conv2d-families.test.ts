import { nullDevice } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { candidates } from "../choice.ts";
import { convolutionTask } from "./conv2d-families.ts";
import type { Convolution, Direction } from "./convolution.ts";
import { windowOf } from "./window.ts";

const lavapipe = { software: true, subgroupSize: 8, features: ["subgroups"] };
const shape = (batch: number, size: number, c: number, k: number, groups = 1): Convolution =>
  ({ batch, input: [size, size], c, k, groups, window: windowOf("test", [size, size], [3, 3], { padding: 1 }) });

const guess = (info: typeof lavapipe, of: Convolution, direction: Direction) =>
  candidates(convolutionTask({ info: { ...nullDevice().info, ...info }, limits: null }, of, direction))[0]?.name;

describe("the family of a convolution", () => {
  it.each([
    ["is lanes that read images for subgroups of eight", lavapipe, shape(4, 16, 64, 64), "lanes-images"],
    ["is lanes where an operand cannot be an image", lavapipe, shape(1, 7, 12, 64), "lanes"],
    ["is lanes for an RGB image", lavapipe, shape(4, 64, 3, 64), "lanes"],
    ["is plain for subgroups of another size", { ...lavapipe, subgroupSize: 4 }, shape(4, 16, 64, 64), "plain"],
    ["is plain where the device lacks subgroups", { ...lavapipe, features: [] as string[] }, shape(4, 16, 64, 64), "plain"],
    ["is plain for groups", lavapipe, shape(4, 16, 64, 64, 2), "plain"],
    ["is plain for one output channel", lavapipe, shape(4, 16, 16, 1), "plain"],
    ["is plain past 2^20 pixels", lavapipe, shape(4, 512, 16, 16), "plain"],
  ] as const)("%s", (_, info, of, want) => {
    expect(guess(info, of, "forward")).toBe(want);
  });

  it("looks at the channels that a direction writes", () => {
    expect(guess(lavapipe, shape(4, 64, 3, 64), "backwardX")).toBe("plain");
    expect(guess(lavapipe, shape(4, 64, 3, 64), "backwardWeight")).toBe("lanes");
    expect(guess(lavapipe, { ...shape(4, 64, 3, 64), window: windowOf("test", [64, 64], [7, 7], { padding: 3, stride: 2 }) }, "backwardWeight")).toBe("lanes-rows");
    expect(guess(lavapipe, shape(4, 64, 16, 1), "backwardX")).toBe("lanes");
  });

  it.each([
    ["is lanes where Winograd's method would gain most", shape(2, 16, 512, 128), "lanes-images"],
    ["is lanes where Winograd's method would gain little", shape(8, 16, 64, 64), "lanes-images"],
    ["is lanes for few tiles of many channels", shape(8, 4, 256, 256), "lanes-images"],
    ["is lanes for many tiles of few channels", shape(2, 64, 32, 32), "lanes-images"],
  ] as const)("of gradients %s", (_, of, want) => {
    expect(guess(lavapipe, of, "backwardX")).toBe(want);
    expect(guess(lavapipe, of, "backwardWeight")).toBe(want);
  });
});
