import { Rng, sizeOf } from "@roentgen/core";
import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { tensor } from "../tensor.ts";
import { conv2dCase, type Conv2dShape } from "./conv2d.cases.ts";
import { plain } from "./conv2d-plain.ts";
import { winograd, winogradLanes } from "./conv2d-winograd.ts";
import type { Convolution, ConvolutionFamily, Direction } from "./convolution.ts";
import { windowOf } from "./window.ts";

const families: readonly ConvolutionFamily[] = [winograd, winogradLanes];

const shapes: readonly Conv2dShape[] = [
  { x: [1, 1, 1, 4], filter: [4, 3, 3], options: { padding: 1 } },
  { x: [1, 3, 3, 4], filter: [4, 3, 3] },
  { x: [2, 8, 8, 8], filter: [12, 3, 3], options: { padding: 1 }, bias: true },
  { x: [3, 7, 5, 12], filter: [36, 3, 3], options: { padding: 1 }, bias: true },
  { x: [1, 9, 10, 36], filter: [4, 3, 3], options: { padding: 2 } },
  { x: [2, 6, 13, 4], filter: [8, 3, 3], options: { padding: { top: 0, bottom: 2, left: 1, right: 0 } }, bias: true },
  { x: [1, 4, 5, 4], filter: [4, 3, 3], options: { padding: 4 } },
  { x: [5, 16, 15, 4], filter: [4, 3, 3], options: { padding: 1 } },
];

const channels = fc.constantFrom(4, 8, 12);
const side = fc.integer({ min: 1, max: 7 });
const pad = fc.nat(2);

const arbitrary = fc
  .record({
    c: channels, k: channels, batch: fc.integer({ min: 1, max: 3 }), rows: side, columns: side, bias: fc.boolean(), by: fc.constantFrom(...families),
    padding: fc.record({ top: pad, bottom: pad, left: pad, right: pad }),
  })
  .filter(({ rows, columns, padding: p }) => rows + p.top + p.bottom > 2 && columns + p.left + p.right > 2)
  .map(({ c, k, batch, rows, columns, padding, ...how }) => conv2dCase({ x: [batch, rows, columns, c], filter: [k, 3, 3], options: { padding }, ...how }));

checkOp("conv2d by Winograd", families.flatMap((by) => shapes.map((shape) => conv2dCase({ ...shape, by }))), { arbitrary, runs: 200 });

const square = (batch: number, size: number, c: number, k: number): Convolution =>
  ({ batch, input: [size, size], c, k, groups: 1, window: windowOf("test", [size, size], [3, 3], { padding: 1 }) });

/** Family, shape, direction, and how many times the root mean square of the plain kernels' error its own may have. */
const bounds: readonly (readonly [ConvolutionFamily, shape: readonly [number, number, number, number], Direction, number])[] = [
  [winograd, [2, 16, 64, 64], "forward", 1.1],
  [winogradLanes, [2, 16, 64, 64], "forward", 1.1],
  [winogradLanes, [1, 16, 512, 64], "forward", 0.8],
  [winograd, [2, 16, 64, 64], "backwardX", 1.1],
  [winogradLanes, [2, 16, 64, 64], "backwardX", 1.1],
  [winograd, [2, 16, 64, 64], "backwardWeight", 2],
  [winogradLanes, [2, 16, 64, 64], "backwardWeight", 2],
  [winogradLanes, [2, 64, 32, 32], "backwardWeight", 1.5],
];

withDevice("the error of Winograd's sums", (device) => {
  it.each(bounds.map(([by, ...rest]) => [by.name, ...rest, by] as const))("of %s at %j, %s, is at most %f of a plain sum's", async (_, [batch, size, c, k], direction, bound, by) => {
    const shape = square(batch, size, c, k);
    const normal = (axes: readonly number[], seed: number) => {
      const rng = Rng.for(seed, "winograd");
      return Float32Array.from({ length: sizeOf(axes) }, () => rng.normal());
    };
    const [image, filter, gradient] = [[batch, size, size, c], [k, 3, 3, c], [batch, size, size, k]];
    const [x, w, dy] = [normal(image, 1), normal(filter, 2), normal(gradient, 3)];
    const wanted = sampled(shape, direction, x, w, dy);
    const errorOf = async (family: ConvolutionFamily): Promise<number> => {
      const y = device().scope(() => {
        const [tx, tw, tdy] = [tensor(device(), x, image), tensor(device(), w, filter), tensor(device(), dy, gradient)];
        return { forward: () => family.forward(shape, tx, tw, null), backwardX: () => family.backwardX(shape, tdy, tw, null), backwardWeight: () => family.backwardWeight(shape, tx, tdy) }[direction]();
      });
      const got = await y.floats();
      y.dispose();
      return Math.hypot(...wanted.map(([at, value]) => (got[at] ?? NaN) - value));
    };
    expect(await errorOf(by)).toBeLessThan(bound * (await errorOf(plain)));
  });
});

/** Some elements of a direction's result in float64: where, and what. */
function sampled({ batch, input: [h, w], c, k }: Convolution, direction: Direction, x: Float32Array, weight: Float32Array, dy: Float32Array): (readonly [number, number])[] {
  const rng = Rng.for(4, "samples");
  const at = (data: Float32Array, depth: number, n: number, row: number, column: number, i: number) =>
    row < 0 || column < 0 || row >= h || column >= w ? 0 : (data[((n * h + row) * w + column) * depth + i] ?? NaN);
  const filter = (ik: number, r: number, s: number, ic: number) => weight[((ik * 3 + r) * 3 + s) * c + ic] ?? NaN;
  const size = { forward: batch * h * w * k, backwardX: batch * h * w * c, backwardWeight: 9 * k * c }[direction];
  return Array.from({ length: 300 }, () => {
    const index = rng.int(size);
    let sum = 0;
    if (direction === "backwardWeight") {
      const [ic, tap] = [index % c, Math.floor(index / c)];
      const [s, r, ik] = [tap % 3, Math.floor(tap / 3) % 3, Math.floor(tap / 9)];
      for (let n = 0; n < batch; n++) for (let p = 0; p < h; p++) for (let q = 0; q < w; q++) sum += at(dy, k, n, p, q, ik) * at(x, c, n, p + r - 1, q + s - 1, ic);
      return [index, sum] as const;
    }
    const [written, read] = direction === "forward" ? [k, c] : [c, k];
    const [i, pixel] = [index % written, Math.floor(index / written)];
    const [q, p, n] = [pixel % w, Math.floor(pixel / w) % h, Math.floor(pixel / w / h)];
    for (let r = 0; r < 3; r++) for (let s = 0; s < 3; s++) for (let j = 0; j < read; j++) {
      sum += direction === "forward" ? at(x, c, n, p + r - 1, q + s - 1, j) * filter(i, r, s, j) : at(dy, k, n, p + 1 - r, q + 1 - s, j) * filter(j, r, s, i);
    }
    return [index, sum] as const;
  });
}

const info = { ...nullDevice().info, subgroupSize: 8, features: ["subgroups"], software: true };
const lavapipe = { info, limits: null };
const gpu = { info: { ...info, subgroupSize: 32, software: false }, limits: null };

describe("Winograd's families", () => {
  const strided = { ...square(4, 16, 64, 64), window: windowOf("test", [16, 16], [3, 3], { padding: 1, stride: 2 }) };
  const dilated = { ...square(4, 16, 64, 64), window: windowOf("test", [16, 16], [3, 3], { padding: 1, dilation: 2 }) };
  const larger = { ...square(4, 16, 64, 64), window: windowOf("test", [16, 16], [5, 5], { padding: 1 }) };

  it.each([
    ["run at stride 1", winograd, gpu, square(4, 16, 64, 64), true],
    ["refuse other strides", winograd, gpu, strided, false],
    ["refuse dilation", winograd, gpu, dilated, false],
    ["refuse other filters", winograd, gpu, larger, false],
    ["refuse groups", winograd, gpu, { ...square(4, 16, 64, 64), groups: 2 }, false],
    ["refuse channels that do not come in fours", winograd, gpu, square(4, 16, 6, 64), false],
    ["refuse images that would not fit into a buffer", winograd, gpu, square(64, 224, 64, 64), false],
    ["by lanes run on subgroups of eight", winogradLanes, lavapipe, square(4, 16, 64, 64), true],
    ["by lanes refuse others", winogradLanes, gpu, square(4, 16, 64, 64), false],
  ] as const)("%s", (_, family, device, shape, want) => {
    expect(family.cost(device, shape, "forward") < Infinity).toBe(want);
  });
});
