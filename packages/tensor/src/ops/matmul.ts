import { sameShape, ShapeError } from "@roentgen/core";
import { op } from "../op.ts";
import { type FloatDType, Tensor } from "../tensor.ts";
import { stored } from "./cast.ts";
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
  const product = (u: Tensor, v: Tensor, tu: boolean, tv: boolean) => stored(productBy(compute, u, v, tu, tv), a.dtype as FloatDType);
  return [
    product(a, b, transposeA, transposeB),
    [
      (dy: Tensor) => (transposeA ? product(b, dy, transposeB, true) : product(dy, b, false, !transposeB)),
      (dy: Tensor) => {
        const [u, v] = transposeB ? [dy, a] as const : [a, dy] as const;
        const [tu, tv] = transposeB ? [true, transposeA] as const : [!transposeA, false] as const;
        if (b.shape.length === a.shape.length) return product(u, v, tu, tv);
        // One b for all: its gradient sums over the batch, which lengthens k where the rows of a lie in one piece.
        if (!transposeA) return product(asMatrix(u), asMatrix(v), tu, tv);
        return sumSlices(productBy(compute, asBatch(u), asBatch(v), tu, tv), a.dtype as FloatDType);
      },
    ],
  ];
});

/**
 * Product of matrices, or of batches of them.
 *
 * @param a        f32[...,M,K], or [...,K,M] with transposeA; or f16, with M, K and N in fours
 * @param b        [...,K,N], or [...,N,K] with transposeB, of the dtype of a; the same leading axes as a, or none: then one b for all
 * @param options  transposeA, transposeB; default false
 * @returns        [...,M,N] of the dtype of a; sums are f32
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
  const product: Product = { batch: tall ? 1 : batch, m: tall ? batch * m : m, n, k, transposeA, transposeB, sharedA, sharedB, dtype: a.dtype as FloatDType };
  return compute(product, a, b, [...lead, m, n]);
}

const seenAs = (x: Tensor, shape: readonly number[]) => new Tensor(x.device, x.buffer, shape, x.dtype);
const asBatch = (x: Tensor) => seenAs(x, [x.size / (x.dim(-2) * x.dim(-1)), x.dim(-2), x.dim(-1)]);
const asMatrix = (x: Tensor) => seenAs(x, [x.size / x.dim(-1), x.dim(-1)]);

function requireFit(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): void {
  const are = `a is ${a}${transposeA ? " transposed" : ""}, b is ${b}${transposeB ? " transposed" : ""}`;
  for (const [name, x] of [["a", a], ["b", b]] as const) {
    if ((x.dtype !== "f32" && x.dtype !== "f16") || x.shape.length < 2) throw new ShapeError(`matmul: ${name} expects f32 or f16 with two axes or more, got ${x}.`);
  }
  if (a.dtype !== b.dtype) throw new ShapeError(`matmul: a and b must have one dtype. ${are}.`);
  const [rows, columns] = [transposeB ? b.dim(-1) : b.dim(-2), transposeA ? a.dim(-2) : a.dim(-1)];
  if (rows !== columns) throw new ShapeError(`matmul: b expects ${rows} columns of a, a has ${columns}. ${are}.`);
  if (a.dtype === "f16" && [a, b].some((x) => x.dim(-1) % 4 || x.dim(-2) % 4)) throw new ShapeError(`matmul: f16 needs rows and columns in fours. ${are}. Cast them to f32.`);
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (batchB.length && !sameShape(batchA, batchB)) {
    throw new ShapeError(`matmul: b expects the leading axes [${batchB}], a has [${batchA}]; only b may have none. ${are}.`);
  }
}
