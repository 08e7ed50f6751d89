// Which kernels compute a matrix product.

import { choose, type Hardware, type Task } from "../choice.ts";
import { spec } from "../record.ts";
import { lanes, lanesImages } from "./matmul-lanes.ts";
import { matrix } from "./matmul-matrix.ts";
import { plain } from "./matmul-plain.ts";
import { tiled } from "./matmul-tiled.ts";
import type { ComputeProduct, Product, ProductFamily } from "./product.ts";

/** All there are. Another one is a line here. */
export const families: readonly ProductFamily[] = [lanes, lanesImages, plain, ...tiled, ...matrix];

/** A product, for every family that can compute it. */
export function productTask(device: Hardware, product: Product): Task<ProductFamily> {
  const { batch, m, n, k, transposeA, transposeB, sharedA, sharedB, dtype = "f32" } = product;
  const a = spec(dtype, [sharedA ? 1 : batch, ...(transposeA ? [k, m] : [m, k])]);
  const b = spec(dtype, [sharedB ? 1 : batch, ...(transposeB ? [n, k] : [k, n])]);
  const as = (what: typeof a, transposed: boolean) => `${what.shape.join("x")}${transposed ? " transposed" : ""}`;
  return {
    key: `matmul ${dtype} ${as(a, transposeA)} * ${as(b, transposeB)}`,
    families,
    cost: (family) => (dtype === "f32" || family.half ? family.cost(device, product) : Infinity),
    inputs: [a, b],
    compute: (family, left, right) => {
      if (!left || !right) throw new Error("internal: a product's task has two inputs.");
      return family.compute(product, left, right, [batch, m, n]);
    },
  };
}

/** The product by the kernels that the tensors' device wants. */
export const bestProduct: ComputeProduct = (product, a, ...rest) => choose(a.device, productTask(a.device, product)).compute(product, a, ...rest);
