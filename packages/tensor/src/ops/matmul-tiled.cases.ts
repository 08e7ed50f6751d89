import { halved, type OpCase } from "../testing/op-case.ts";
import { matmulCase, type MatmulSizes } from "./matmul.cases.ts";
import { tiledBy } from "./matmul-tiled.ts";
import { smallest } from "./tiling.ts";

const by = tiledBy(smallest);

const sizes: readonly MatmulSizes[] = [
  { m: 1, k: 4, n: 4 },
  { m: 33, k: 16, n: 40 },
  { m: 5, k: 1032, n: 12 },
  { m: 4, k: 8192, n: 4 },
  { m: 37, k: 20, n: 44, options: { transposeB: true } },
  { m: 36, k: 7, n: 44, options: { transposeA: true } },
  { m: 36, k: 12, n: 44, options: { transposeA: true, transposeB: true } },
  { lead: [2, 3], m: 4, k: 8, n: 12 },
  { lead: [3], m: 8, k: 4, n: 12, shared: true, options: { transposeA: true } },
];

export const cases: readonly OpCase[] = [
  ...sizes.map((size) => matmulCase({ ...size, by })),
  halved(matmulCase({ lead: [2], m: 36, k: 264, n: 12, by })),
];
