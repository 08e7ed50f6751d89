import { nullDevice } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { cutOf, efficiencyOf, processors, sharedBytesOf, smallest, threadsOf, tiles } from "./tiling.ts";

const gpu = { ...nullDevice().info, vendor: "nvidia", description: "NVIDIA H200", software: false };
const [largest = smallest] = tiles;

describe("tiles", () => {
  it.each(tiles.map((tile) => [tile.name, tile] as const))("are what the shaders can do: %s", (_, tile) => {
    const { m, n, k, rows, columns } = tile;
    expect([4, 8]).toContain(rows);
    expect([4, 8]).toContain(columns);
    expect([8, 16, 32]).toContain(k);
    expect(n / columns % 8).toBe(0);
    expect(m / rows % 4).toBe(0);
    // Quads are exchanged within eight of a row; a thread loads one block of 4 x 4.
    expect([m % 32, n % 32]).toEqual([0, 0]);
    expect((k * (m + n)) / 16).toBeLessThanOrEqual(threadsOf(tile));
    expect(threadsOf(tile)).toBeLessThanOrEqual(256);
    expect(sharedBytesOf(tile)).toBeLessThanOrEqual(32_768);
  });

  it("come in sizes that every WebGPU device can run", () => {
    expect(tiles.filter((tile) => sharedBytesOf(tile) <= 16_384)).toHaveLength(tiles.length - 1);
  });

  it("are the more efficient the more results a thread has", () => {
    expect(efficiencyOf(largest)).toBeGreaterThan(1.2 * efficiencyOf(smallest));
  });
});

describe("the cut of a sum", () => {
  it.each([
    ["is one slice where there are tiles enough", { m: 100_352, n: 256, k: 1024, layers: 1, bytes: 4 }, (slices: number) => slices === 1],
    ["is many where there is one tile and a long sum", { m: 128, n: 128, k: 100_352, layers: 1, bytes: 4 }, (slices: number) => slices > 64 && slices % 16 === 0],
    ["is one slice where the sum is short", { m: 128, n: 128, k: 128, layers: 1, bytes: 4 }, (slices: number) => slices === 1],
  ])("%s", (_, work, holds) => {
    expect(cutOf(largest, work, gpu).slices).toSatisfy(holds);
  });
});

it.each([
  ["NVIDIA H200", 132], ["NVIDIA GeForce RTX 4090", 128], ["Apple M2 Max", 36], ["nobody knows", 32],
])("processors are known by name: %s has %i", (description, count) => {
  expect(processors({ ...gpu, vendor: "", architecture: "", device: "", description })).toBe(count);
});
