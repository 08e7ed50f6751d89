import type { Device } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { withDevice } from "../testing/check-op.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { lanes, lanesImages } from "./matmul-lanes.ts";
import type { Product } from "./product.ts";

const some = (device: Device, shape: readonly number[], seed: number): Tensor =>
  tensor(device, Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(seed * i)), shape);
const bits = async (x: Tensor) => new Uint32Array(await x.device.read(x.buffer));

withDevice("lanes that read images", (device) => {
  it.each([["nn", false, false], ["nt", false, true], ["tn", true, false], ["tt", true, true]] as const)(
    "give the bits of lanes that read buffers: %s", async (_, transposeA, transposeB) => {
      for (const [batch, m, n, k, sharedB] of [[1, 64, 96, 128, false], [3, 32, 64, 32, true], [2, 16, 32, 512, false]] as const) {
        const product: Product = { batch, m, n, k, transposeA, transposeB, sharedA: false, sharedB };
        const a = some(device(), [batch, m, k], 3);
        const b = some(device(), [sharedB ? 1 : batch, k, n], 5);
        const images = lanesImages.compute(product, a, b, [batch, m, n]);
        expect(await bits(images)).toEqual(await bits(lanes.compute(product, a, b, [batch, m, n])));
      }
    });
});
