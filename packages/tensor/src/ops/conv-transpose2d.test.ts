import { nullDevice } from "@roentgen/gpu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOp } from "../testing/check-op.ts";
import { empty } from "../tensor.ts";
import { cases, convTranspose2dCase } from "./conv-transpose2d.cases.ts";
import { convTranspose2d } from "./conv-transpose2d.ts";

const small = (max: number) => fc.integer({ min: 1, max });
const pad = fc.nat(2);

const channels = fc.oneof(
  fc.record({ groups: fc.constant(1), depth: fc.constantFrom(8, 12, 35), filters: fc.constantFrom(8, 20, 9) }),
  fc.record({ groups: small(2), depth: fc.constantFrom(4, 8), filters: fc.constantFrom(4, 8) }),
  fc.record({ groups: small(3), depth: small(5), filters: small(5) }),
);

const arbitrary = fc
  .record({
    channels, batch: small(2), rows: small(5), columns: small(5), r: small(3), s: small(3), bias: fc.boolean(),
    stride: fc.tuple(small(3), small(3)), dilation: fc.tuple(small(2), small(2)), outputPadding: fc.tuple(fc.nat(2), fc.nat(2)),
    padding: fc.record({ top: pad, bottom: pad, left: pad, right: pad }),
  })
  .filter(({ rows, columns, r, s, stride, dilation, outputPadding: extra, padding: p }) =>
    (rows - 1) * stride[0] + dilation[0] * (r - 1) + extra[0] >= p.top + p.bottom && extra[0] < Math.max(stride[0], dilation[0]) &&
    (columns - 1) * stride[1] + dilation[1] * (s - 1) + extra[1] >= p.left + p.right && extra[1] < Math.max(stride[1], dilation[1]))
  .map(({ channels: { groups, depth, filters }, batch, rows, columns, r, s, bias, ...window }) =>
    convTranspose2dCase({ x: [batch, rows, columns, groups * filters], filter: [groups * depth, r, s], options: { groups, ...window }, bias }));

checkOp("convTranspose2d", cases, { arbitrary });

describe("convTranspose2d refuses", () => {
  const device = nullDevice();
  const [x, weight] = [empty(device, [8, 4, 4, 6]), empty(device, [6, 3, 3, 4])];

  it("a filter for another number of channels", () => {
    expect(() => convTranspose2d(x, empty(device, [4, 3, 3, 6]), null)).toThrowErrorMatchingInlineSnapshot(`[ShapeError: convTranspose2d: weight expects 4 input channels, x has 6. x is f32[8,4,4,6], weight is f32[4,3,3,6].]`);
  });

  it("groups that do not divide the channels", () => {
    expect(() => convTranspose2d(x, weight, null, { groups: 4 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: convTranspose2d: groups expects a divisor of the 6 input channels, got 4. x is f32[8,4,4,6], weight is f32[6,3,3,4].]`);
  });

  it("a bias of another length", () => {
    expect(() => convTranspose2d(x, weight, empty(device, [6]))).toThrowErrorMatchingInlineSnapshot(`[ShapeError: convTranspose2d: bias expects f32[4], one for each output channel, got f32[6]. weight is f32[6,3,3,4].]`);
  });

  it("an output padding that a larger input would fill", () => {
    expect(() => convTranspose2d(x, weight, null, { stride: 2, outputPadding: 2 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: convTranspose2d: outputPadding expects a whole number from 0 to 1, below the stride or the dilation, got 2.]`);
  });

  it("a padding that leaves nothing", () => {
    expect(() => convTranspose2d(x, weight, null, { padding: 3 })).toThrowErrorMatchingInlineSnapshot(`[ShapeError: convTranspose2d: nothing would be left of the result, padding takes 6 of its 6 rows. x is f32[8,4,4,6], weight is f32[6,3,3,4].]`);
  });
});
