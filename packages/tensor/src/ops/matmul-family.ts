import { type DeviceInfo, maxGroups } from "@roentgen/gpu";

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
 * Which kernels compute a product. "lanes" is for software drivers whose SIMD lanes are a subgroup of eight, and for matrices
 * whose rows can be read in fours; "plain" runs everywhere.
 */
export function matmulFamily(info: Pick<DeviceInfo, "subgroupSize" | "features">, { batch, m, n, k, transposeA, transposeB }: MatmulShape): "plain" | "lanes" {
  if (info.subgroupSize !== 8 || !info.features.includes("subgroups")) return "plain";
  const inFours = n % 4 === 0 && (!transposeA || m % 4 === 0) && ((transposeA && !transposeB) || k % 4 === 0);
  // At most 64 slices, and matrices that begin at a multiple of four floats, whatever is shared.
  const fits = Math.max(m / 16, n / 32, batch * 64) <= maxGroups && (batch === 1 || ((m * k) % 4 === 0 && (k * n) % 4 === 0));
  return inFours && fits && n >= 8 ? "lanes" : "plain";
}
