import { halved, host64, type Host64, type OpCase } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { plain } from "./matmul-plain.ts";
import { matmul, matmulBy, type MatmulOptions } from "./matmul.ts";
import type { ProductFamily } from "./product.ts";

export interface MatmulSizes {
  /** Leading axes. */
  readonly lead?: readonly number[];
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly options?: MatmulOptions;
  /** One b for the whole batch. */
  readonly shared?: boolean;
  /** Use this family whatever the device prefers. */
  readonly by?: ProductFamily | undefined;
}

const reference = (m: number, k: number, n: number, { transposeA, transposeB }: MatmulOptions) => (a: Host64, b: Host64): Host64 => {
  const y = host64([...a.shape.slice(0, -2), m, n]);
  const shared = b.data.length === k * n;
  for (let i = 0; i < y.data.length; i++) {
    const [matrix, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
    const [u, v] = [matrix * m * k, shared ? 0 : matrix * k * n];
    let sum = 0;
    for (let j = 0; j < k; j++) {
      sum += (a.data[u + (transposeA ? j * m + row : row * k + j)] ?? NaN) * (b.data[v + (transposeB ? column * k + j : j * n + column)] ?? NaN);
    }
    y.data[i] = sum;
  }
  return y;
};

export const matmulCase = ({ lead = [], m, k, n, options = {}, shared = false, by }: MatmulSizes): OpCase => {
  const { transposeA = false, transposeB = false } = options;
  const run = by ? matmulBy(by.compute) : matmul;
  return {
    name: `${by ? `${by.name} ` : ""}matmul [${lead}] ${m}x${k}x${n} ${JSON.stringify(options)}${shared ? " one b" : ""}`,
    inputs: [
      { shape: [...lead, ...(transposeA ? [k, m] : [m, k])] },
      { shape: [...(shared ? [] : lead), ...(transposeB ? [n, k] : [k, n])] },
    ],
    run: (a, b) => run(a, b, options),
    reference: reference(m, k, n, options),
    tolerance: tolerances.reduction,
  };
};

const layouts: readonly MatmulOptions[] = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));

const sizes: readonly MatmulSizes[] = [
  { m: 1, k: 1, n: 1 },
  { m: 3, k: 700, n: 2 },
  ...layouts.map((options) => ({ m: 9, k: 5, n: 7, options })),
  ...layouts.map((options) => ({ lead: [2, 3], m: 4, k: 8, n: 12, options })),
  ...layouts.map((options) => ({ lead: [3], m: 5, k: 6, n: 7, options, shared: true })),
  { m: 33, k: 16, n: 40 },
  ...layouts.map((options) => ({ m: 36, k: 12, n: 44, options })),
  { m: 17, k: 1032, n: 12 },
  { m: 8, k: 1031, n: 12, options: { transposeA: true } },
];

const inFours = ({ m, k, n }: MatmulSizes): boolean => [m, k, n].every((size) => size % 4 === 0);

const halfSizes: readonly MatmulSizes[] = [...sizes.filter(inFours), { lead: [3], m: 4, k: 8, n: 12, shared: true }, { m: 20, k: 1032, n: 12 }];

export const cases: readonly OpCase[] = [undefined, plain].flatMap((by) => [
  ...sizes.map((size) => matmulCase({ ...size, by })),
  ...halfSizes.map((size) => halved(matmulCase({ ...size, by }))),
]);
