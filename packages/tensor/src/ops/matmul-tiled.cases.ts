import type { OpCase } from "../testing/op-case.ts";
import { matmulCase, type MatmulSizes } from "./matmul.cases.ts";
import { tiledBy } from "./matmul-tiled.ts";
import { smallest } from "./tiling.ts";

const by = tiledBy(smallest);

/** All by three pipelines: compiling one for a processor takes a second or several. */
const sizes: readonly MatmulSizes[] = [
  { m: 1, k: 4, n: 4 },
  { m: 5, k: 1036, n: 12 },
  { m: 293, k: 8, n: 76 },
  { m: 4, k: 8196, n: 4 },
  { m: 37, k: 20, n: 44, options: { transposeB: true } },
  { m: 36, k: 7, n: 44, options: { transposeA: true } },
  { lead: [2, 3], m: 4, k: 8, n: 12 },
  { lead: [3], m: 8, k: 4, n: 12, shared: true, options: { transposeA: true } },
];

export const cases: readonly OpCase[] = sizes.map((size) => matmulCase({ ...size, by }));

/** By pipelines of their own: both transposed; whole steps. (f16 is tested where a convolution is a product.) */
export const moreCases: readonly OpCase[] = [
  matmulCase({ m: 36, k: 12, n: 44, options: { transposeA: true, transposeB: true }, by }),
  matmulCase({ m: 33, k: 16, n: 40, by }),
];
