import { Rng, sizeOf } from "@roentgen/core";
import { expect, it } from "vitest";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { tensor } from "../tensor.ts";
import { plain } from "./matmul-plain.ts";
import { cases, moreCases } from "./matmul-tiled.cases.ts";
import { tiledBy } from "./matmul-tiled.ts";
import { fits, tiles } from "./tiling.ts";

checkOp("matmul, tiled", [...cases, ...moreCases]);

withDevice("every tile of a matrix product", (device) => {
  it.each(tiles.map((tile, i) => [tile.name, tile, i % 2 === 1, i % 4 >= 2] as const))("agrees with the plain kernels bit for bit: %s", async (_, tile, transposeA, transposeB) => {
    if (!fits(tile, device().limits)) return;
    const [m, n, k] = [140, 132, 44];
    const random = (axes: readonly number[], seed: number) => {
      const rng = Rng.for(seed, "tile");
      return tensor(device(), Float32Array.from({ length: sizeOf(axes) }, () => rng.uniform(-1, 1)), axes);
    };
    const [a, b] = [random(transposeA ? [k, m] : [m, k], 1), random(transposeB ? [n, k] : [k, n], 2)];
    const product = { batch: 1, m, n, k, transposeA, transposeB, sharedA: false, sharedB: false };
    const [got, wanted] = [tiledBy(tile), plain].map((family) => family.compute(product, a, b, [m, n]));
    // Both add up k in order, so not even roundings differ.
    expect(await got?.floats()).toEqual(await wanted?.floats());
    for (const made of [a, b, got, wanted]) made?.dispose();
  });
});
