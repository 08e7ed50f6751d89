import { Rng, sizeOf } from "@roentgen/core";
import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { likeGpu } from "../testing/op-case.ts";
import { tolerances } from "../testing/tolerances.ts";
import { empty, tensor } from "../tensor.ts";
import { cases, conv2dCase } from "./conv2d.cases.ts";
import { backwardBias, plain, weightSlices } from "./conv2d-plain.ts";
import { bestKernels } from "./conv2d-families.ts";
import { conv2d } from "./conv2d.ts";
import { windowOf } from "./window.ts";

const small = (max: number) => fc.integer({ min: 1, max });
const pad = fc.nat(2);

/** Groups with their channels: in fours or ragged. */
const channels = fc.oneof(
  fc.record({ groups: fc.constant(1), depth: fc.constantFrom(4, 8, 20, 36), filters: fc.constantFrom(8, 12, 36) }),
  fc.record({ groups: fc.constant(1), depth: small(9), filters: fc.constantFrom(8, 9, 35) }),
  fc.record({ groups: small(2), depth: fc.constantFrom(4, 8), filters: fc.constantFrom(4, 8) }),
  fc.record({ groups: small(3), depth: small(5), filters: small(5) }),
);

const arbitrary = fc
  .record({
    channels, batch: small(2), rows: small(7), columns: small(7), r: small(3), s: small(3), bias: fc.boolean(), by: fc.constantFrom(undefined, plain),
    stride: fc.tuple(small(3), small(3)), dilation: fc.tuple(small(2), small(2)),
    padding: fc.record({ top: pad, bottom: pad, left: pad, right: pad }),
  })
  .filter(({ rows, columns, r, s, dilation, padding: p }) => rows + p.top + p.bottom > dilation[0] * (r - 1) && columns + p.left + p.right > dilation[1] * (s - 1))
  .map(({ channels: { groups, depth, filters }, batch, rows, columns, r, s, bias, by, ...window }) =>
    conv2dCase({ x: [batch, rows, columns, groups * depth], filter: [groups * filters, r, s], options: { groups, ...window }, bias, by }));

checkOp("conv2d", cases, { arbitrary, runs: 400 });

withDevice("the gradient of a bias", (device) => {
  // one slice, several, and so many that a GPU sums the slices' sums in slices
  it.each([[7, 3], [300, 5], [40_003, 4]])("of %i pixels, %i channels, is the sum over them", async (pixels, channels) => {
    const rng = Rng.for(pixels, "bias");
    const data = Float32Array.from({ length: pixels * channels }, () => rng.uniform(-1, 1));
    const wanted = Array.from({ length: channels }, (_, c) => data.reduce((sum, v, i) => (i % channels === c ? sum + v : sum), 0));
    for (const on of [device(), likeGpu(device())]) {
      const got = await backwardBias(tensor(on, data, [1, pixels, 1, channels])).floats();
      expect(got.length).toBe(channels);
      for (const [c, v] of wanted.entries()) expect(Math.abs((got[c] ?? NaN) - v)).toBeLessThan(2e-6 * pixels ** 0.5 * 8);
    }
  });
});

/** ResNet-50 at 64 pixels and a U-Net's decoder: [batch, size, c, k, kernel, stride]. */
const layers: readonly (readonly [number, number, number, number, number, number])[] = [
  [2, 64, 3, 64, 7, 2],
  [1, 16, 64, 64, 3, 1],
  [1, 16, 64, 256, 1, 1],
  [2, 16, 256, 128, 1, 1],
  [2, 16, 128, 128, 3, 2],
  [2, 16, 256, 512, 1, 2],
  [3, 5, 256, 96, 3, 1],
  [4, 2, 512, 512, 3, 1],
  [4, 2, 512, 2048, 1, 1],
  [1, 33, 96, 32, 3, 1],
  [1, 63, 32, 16, 3, 1],
  [1, 64, 16, 1, 3, 1],
];

withDevice("conv2d's kernels for this device", (device) => {
  it.each(layers)("agree with the plain ones on %i x %ipx, %i -> %i channels, kernel %i, stride %i", async (batch, size, c, k, kernel, stride) => {
    const input = [batch, size, size, c];
    const window = windowOf("test", [size, size], [kernel, kernel], { stride, padding: kernel >> 1 });
    const shape = { batch, input: [size, size] as const, c, k, groups: 1, window };
    const random = (axes: readonly number[], seed: number) => {
      const rng = Rng.for(seed, "layer");
      return tensor(device(), Float32Array.from({ length: sizeOf(axes) }, () => rng.uniform(-1, 1)), axes);
    };
    const [x, weight, bias, dy] = [random(input, 1), random([k, kernel, kernel, c], 2), random([k], 3), random([batch, ...window.output, k], 4)];
    const [best, wanted] = [bestKernels, plain].map((by) => [by.forward(shape, x, weight, bias), by.backwardX(shape, dy, weight, null), by.backwardWeight(shape, x, dy)]);
    for (const [i, got] of (best ?? []).entries()) {
      const [a, b] = [await got.floats(), (await wanted?.[i]?.floats()) ?? new Float32Array()];
      const [scale, off] = b.reduce(([most, worst], v, at) => [Math.max(most, Math.abs(v)), Math.max(worst, Math.abs(v - (a[at] ?? NaN)))] as const, [0, 0] as readonly [number, number]);
      expect(a.length).toBe(b.length);
      expect(off / scale).toBeLessThan(tolerances.elementwise);
    }
    for (const made of [x, weight, bias, dy, ...(best ?? []), ...(wanted ?? [])]) made.dispose();
  });
});

describe("conv2d refuses", () => {
  const device = nullDevice();
  const tensors = (x: number[], weight: number[]) => [empty(device, x), empty(device, weight)] as const;

  it("images that are not four-dimensional", () => {
    expect(() => conv2d(...tensors([224, 224, 3], [64, 7, 7, 3]), null)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: conv2d: x expects f32 or f16[N,H,W,C], got f32[224,224,3].]`);
  });

  it("a filter for another number of channels", () => {
    expect(() => conv2d(...tensors([8, 224, 224, 3], [64, 7, 7, 64]), null)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: conv2d: weight expects 64 input channels, x has 3. x is f32[8,224,224,3], weight is f32[64,7,7,64].]`);
    expect(() => conv2d(...tensors([8, 9, 9, 8], [8, 3, 3, 8]), null, { groups: 2 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: conv2d: weight expects 16 input channels, x has 8. x is f32[8,9,9,8], weight is f32[8,3,3,8], groups 2.]`);
  });

  it("groups that do not divide the channels", () => {
    expect(() => conv2d(...tensors([8, 9, 9, 8], [8, 3, 3, 2]), null, { groups: 3 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: conv2d: groups expects a divisor of the 8 input and 8 output channels, got 3. x is f32[8,9,9,8], weight is f32[8,3,3,2].]`);
  });

  it("a bias of another length", () => {
    expect(() => conv2d(...tensors([8, 9, 9, 8], [4, 3, 3, 8]), empty(device, [8]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: conv2d: bias expects f32[4], one for each output channel, got f32[8]. weight is f32[4,3,3,8].]`);
  });

  it("a window larger than the image", () => {
    expect(() => conv2d(...tensors([1, 2, 2, 8], [4, 3, 3, 8]), null)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: conv2d: the window is 3x3, the image is only 2x2 with its padding. The input is 2x2, kernel 3x3, dilation 1x1. Use a larger input, more padding or a smaller kernel.]`);
  });
});

describe("the filter's gradient", () => {
  const slices = (batch: number, size: number, c: number, k: number, kernel: number) =>
    weightSlices({ batch, input: [size, size], c, k, groups: 1, window: windowOf("test", [size, size], [kernel, kernel], { padding: kernel >> 1 }) });

  it.each([
    ["is cut where the filter is small", slices(4, 16, 64, 64, 3), { slices: 8, rows: 8 }],
    ["is whole where the filter is large", slices(4, 4, 512, 512, 3), { slices: 1, rows: 16 }],
    ["has no more slices than image rows", slices(1, 3, 4, 4, 1), { slices: 3, rows: 1 }],
    ["has slices short enough for float32", slices(64, 128, 512, 512, 3), { slices: 7, rows: 1171 }],
  ])("%s", (_, got, want) => {
    expect(got).toEqual(want);
  });
});
