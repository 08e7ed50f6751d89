import { nullDevice } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { candidates } from "../choice.ts";
import { productTask } from "./matmul-families.ts";
import type { Product } from "./product.ts";

const lavapipe = { subgroupSize: 8, features: ["subgroups"] };
const shape = (m: number, k: number, n: number, more: Partial<Product> = {}): Product =>
  ({ batch: 1, m, n, k, transposeA: false, transposeB: false, sharedA: false, sharedB: false, ...more });

const guess = (info: typeof lavapipe, of: Product) => candidates(productTask({ info: { ...nullDevice().info, ...info }, limits: null }, of))[0]?.name;

describe("the family of a matrix product", () => {
  it.each([
    ["is lanes that read images for subgroups of eight", lavapipe, shape(64, 64, 64), "lanes-images"],
    ["is lanes where a matrix cannot be an image", lavapipe, shape(60, 68, 64), "lanes"],
    ["is plain for subgroups of another size", { ...lavapipe, subgroupSize: 32 }, shape(64, 64, 64), "plain"],
    ["is plain where the device lacks subgroups", { subgroupSize: 8, features: [] as string[] }, shape(64, 64, 64), "plain"],
    ["is plain for rows of b that are not in fours", lavapipe, shape(64, 64, 63), "plain"],
    ["is plain for rows of a that are not in fours", lavapipe, shape(64, 63, 64), "plain"],
    ["is lanes for any k where neither matrix has rows of k", lavapipe, shape(64, 63, 64, { transposeA: true }), "lanes-images"],
    ["is plain where transposed rows of a are not in fours", lavapipe, shape(63, 64, 64, { transposeA: true }), "plain"],
    ["is plain for a batch of matrices that begin anywhere", lavapipe, shape(4, 5, 9, { batch: 2, transposeA: true }), "plain"],
    ["is plain for very many matrices", lavapipe, shape(8, 8, 8, { batch: 5000 }), "plain"],
    ["is plain for few columns", lavapipe, shape(64, 64, 4), "plain"],
  ] as const)("%s", (_, info, of, want) => {
    expect(guess(info, of)).toBe(want);
  });
});
