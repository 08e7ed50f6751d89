import { describe, expect, it } from "vitest";
import { conv2dFamily } from "./conv2d-family.ts";
import type { Convolution } from "./convolution.ts";
import { windowOf } from "./window.ts";

const lavapipe = { subgroupSize: 8, features: ["subgroups"] };
const shape = (batch: number, size: number, c: number, k: number, groups = 1): Convolution =>
  ({ batch, input: [size, size], c, k, groups, window: windowOf("test", [size, size], [3, 3], { padding: 1 }) });

describe("the family of a convolution", () => {
  it.each([
    ["is lanes for subgroups of eight", lavapipe, shape(4, 16, 64, 64), "lanes"],
    ["is lanes for an RGB image", lavapipe, shape(4, 64, 3, 64), "lanes"],
    ["is plain for subgroups of another size", { ...lavapipe, subgroupSize: 4 }, shape(4, 16, 64, 64), "plain"],
    ["is plain where the device lacks subgroups", { subgroupSize: 8, features: [] }, shape(4, 16, 64, 64), "plain"],
    ["is plain for groups", lavapipe, shape(4, 16, 64, 64, 2), "plain"],
    ["is plain for one output channel", lavapipe, shape(4, 16, 16, 1), "plain"],
    ["is plain past 2^20 pixels", lavapipe, shape(4, 512, 16, 16), "plain"],
  ] as const)("%s", (_, info, of, want) => {
    expect(conv2dFamily(info, of, "forward")).toBe(want);
  });

  it("looks at the channels that a direction writes", () => {
    expect(conv2dFamily(lavapipe, shape(4, 64, 3, 64), "backwardX")).toBe("plain");
    expect(conv2dFamily(lavapipe, shape(4, 64, 3, 64), "backwardWeight")).toBe("lanes");
    expect(conv2dFamily(lavapipe, shape(4, 64, 16, 1), "backwardX")).toBe("lanes");
  });
});
