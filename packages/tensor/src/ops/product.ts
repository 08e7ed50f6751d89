// What every kernel of a matrix product has to know, and what every family of such kernels offers.

import type { Hardware } from "../choice.ts";
import type { FloatDType, Tensor } from "../tensor.ts";

/** A batch of products [m, k] x [k, n] of matrices that may lie transposed. */
export interface Product {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** a lies as [k, m]. */
  readonly transposeA: boolean;
  /** b lies as [n, k]. */
  readonly transposeB: boolean;
  /** One a for the whole batch. */
  readonly sharedA: boolean;
  /** One b for the whole batch. */
  readonly sharedB: boolean;
  /** How a and b are stored; default f32. Sums and the result are f32. f16 is asked for only where rows as they lie come in fours. */
  readonly dtype?: FloatDType;
}

/** a [batch, m, k] or as it lies transposed, b likewise, shared ones without batch -> [batch, m, n], with the axes `as`. */
export type ComputeProduct = (product: Product, a: Tensor, b: Tensor, as: readonly number[]) => Tensor;

/** One way to compute matrix products. */
export interface ProductFamily {
  readonly name: string;
  /** Whether it has kernels for f16 storage. */
  readonly half?: boolean;
  /** Predicted time, in multiply-adds that a perfect kernel would do meanwhile; Infinity where it cannot run. */
  readonly cost: (device: Hardware, product: Product) => number;
  readonly compute: ComputeProduct;
}

export const flopsOfProduct = ({ batch, m, n, k }: Product): number => 2 * batch * m * n * k;
