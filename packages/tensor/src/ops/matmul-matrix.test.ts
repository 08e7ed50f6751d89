import { Device } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { nativeAdapter, withDevice } from "../testing/check-op.ts";
import { halved, runCase } from "../testing/op-case.ts";
import { matmulCase, type MatmulSizes } from "./matmul.cases.ts";
import { matrixBy } from "./matmul-matrix.ts";
import { emulated, matrixTiles, unitOf } from "./matrix-units.ts";

const [large, small] = matrixTiles.map((tile) => (m: number, n: number, k: number) => matrixBy(tile, emulated(m, n, k)));
const by = small?.(16, 16, 16);

/** By emulated matrices: what is checked is the order of work around them. */
const sizes: readonly MatmulSizes[] = [
  { m: 4, k: 4, n: 4, by },
  { m: 68, k: 36, n: 72, by },
  { m: 36, k: 20, n: 44, options: { transposeB: true }, by },
  { m: 36, k: 40, n: 44, options: { transposeA: true }, by: small?.(8, 8, 8) },
  { m: 68, k: 12, n: 44, options: { transposeA: true, transposeB: true }, by: small?.(8, 16, 16) },
  { m: 12, k: 1032, n: 8, by },
  { lead: [2, 3], m: 4, k: 8, n: 12, by },
  { lead: [3], m: 8, k: 4, n: 12, shared: true, options: { transposeA: true }, by },
  { m: 132, k: 36, n: 140, by: large?.(16, 16, 16) },
];

withDevice("matmul by matrices of subgroups", (device) => {
  it.each(sizes.map((size) => halved(matmulCase(size))).map((test) => [test.name, test] as const))("agrees with the float64 reference: %s", async (_, test) => {
    if (device().info.features.includes("shader-f16")) expect(await runCase(device(), test)).toEqual([]);
  });

  it("agrees where subgroups are smaller than the largest, so that there are too many", async () => {
    const { gpu, info } = device();
    const wide = new Device(gpu, { ...info, subgroupMaxSize: 64 });
    if (info.features.includes("shader-f16")) expect(await runCase(wide, halved(matmulCase({ m: 68, k: 36, n: 72, by })))).toEqual([]);
  });
});

// Mesa's lavapipe has them from version 26 on, GPUs have had them for longer.
const unit = nativeAdapter && unitOf(nativeAdapter);

withDevice("matmul by the driver's own matrices", (device) => {
  const cases = unit ? matrixTiles.flatMap((tile) => sizes.map((size) => halved(matmulCase({ ...size, by: matrixBy(tile, unit) })))) : [];
  it.each(cases.map((test) => [test.name, test] as const))("agrees with the float64 reference: %s", { timeout: 120_000 }, async (_, test) => {
    expect(await runCase(device(), test)).toEqual([]);
  });
}, { native: true, offered: unit !== null });
