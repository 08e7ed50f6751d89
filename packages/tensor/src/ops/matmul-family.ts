import type { DeviceInfo } from "@roentgen/gpu";

/** A batch of products [m, k] x [k, n] of matrices that may lie transposed. */
export interface MatmulShape {
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
}

/**
 * Which kernels compute a product. "plain" runs everywhere.
 *
 * @param info   what is known of the device
 * @param shape  the product
 */
export function matmulFamily(_info: Pick<DeviceInfo, "subgroupSize" | "features">, _shape: MatmulShape): "plain" {
  return "plain";
}
