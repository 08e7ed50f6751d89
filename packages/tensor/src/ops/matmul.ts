import { sameShape, ShapeError } from "@roentgen/core";
import { op } from "../op.ts";
import { Tensor } from "../tensor.ts";
import { bestProduct } from "./matmul-families.ts";
import type { ComputeProduct, Product } from "./product.ts";
import { sumSlices } from "./sum-slices.ts";

export interface MatmulOptions {
  /** a is stored [..., K, M]. */
  readonly transposeA?: boolean;
  /** b is stored [..., N, K]. */
  readonly transposeB?: boolean;
}

/** matmul with given kernels. */
export const matmulBy = (compute: ComputeProduct) => op("matmul", (a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: MatmulOptions = {}) => {
  requireFit(a, b, transposeA, transposeB);
  const product = (u: Tensor, v: Tensor, tu: boolean, tv: boolean) => productBy(compute, u, v, tu, tv);
  return [
    product(a, b, transposeA, transposeB),
    [
      (dy: Tensor) => (transposeA ? product(b, dy, transposeB, true) : product(dy, b, false, !transposeB)),
      (dy: Tensor) => {
        const [u, v] = transposeB ? [dy, a] as const : [a, dy] as const;
        const [tu, tv] = transposeB ? [true, transposeA] as const : [!transposeA, false] as const;
        if (b.shape.length === a.shape.length) return product(u, v, tu, tv);
        // One b for all: its gradient sums over the batch, which lengthens k where the rows of a lie in one piece.
        return transposeA ? sumSlices(product(asBatch(u), asBatch(v), tu, tv)) : product(asMatrix(u), asMatrix(v), tu, tv);
      },
    ],
  ];
});

/**
 * Product of matrices, or of batches of them.
 *
 * @param a        f32[...,M,K], or [...,K,M] with transposeA
 * @param b        f32[...,K,N], or [...,N,K] with transposeB; the same leading axes as a, or none: then one b for all
 * @param options  transposeA, transposeB; default false
 * @returns        f32[...,M,N]
 * @throws ShapeError if shapes do not fit together
 */
export const matmul = matmulBy(bestProduct);

/** op(a) times op(b); either may lack the batch axes of the other. */
function productBy(compute: ComputeProduct, a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  const lead = (a.shape.length >= b.shape.length ? a : b).shape.slice(0, -2);
  const [m, k] = transposeA ? [a.dim(-1), a.dim(-2)] : [a.dim(-2), a.dim(-1)];
  const n = transposeB ? b.dim(-2) : b.dim(-1);
  const [sharedA, sharedB] = [a.shape.length < b.shape.length, b.shape.length < a.shape.length];
  const batch = lead.reduce((x, y) => x * y, 1);
  // Rows of all matrices of a batch lie below each other: one tall product.
  const tall = sharedB && !transposeA;
  const product: Product = { batch: tall ? 1 : batch, m: tall ? batch * m : m, n, k, transposeA, transposeB, sharedA, sharedB };
  return compute(product, a, b, [...lead, m, n]);
}

const seenAs = (x: Tensor, shape: readonly number[]) => new Tensor(x.device, x.buffer, shape);
const asBatch = (x: Tensor) => seenAs(x, [x.size / (x.dim(-2) * x.dim(-1)), x.dim(-2), x.dim(-1)]);
const asMatrix = (x: Tensor) => seenAs(x, [x.size / x.dim(-1), x.dim(-1)]);

function requireFit(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): void {
  const are = `a is ${a}${transposeA ? " transposed" : ""}, b is ${b}${transposeB ? " transposed" : ""}`;
  for (const [name, x] of [["a", a], ["b", b]] as const) {
    if (x.dtype !== "f32" || x.shape.length < 2) throw new ShapeError(`matmul: ${name} expects f32 with two axes or more, got ${x}.`);
  }
  const [rows, columns] = [transposeB ? b.dim(-1) : b.dim(-2), transposeA ? a.dim(-2) : a.dim(-1)];
  if (rows !== columns) throw new ShapeError(`matmul: b expects ${rows} columns of a, a has ${columns}. ${are}.`);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (batchB.length && !sameShape(batchA, batchB)) {
    throw new ShapeError(`matmul: b expects the leading axes [${batchB}], a has [${batchA}]; only b may have none. ${are}.`);
  }
}
