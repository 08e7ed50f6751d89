import { elementBytes, hostTensor, makeArray, ShapeError, sizeOf } from "@roentgen/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ohwiToOihw, oihwToOhwi } from "./layout.ts";
import { safetensorsDtypes } from "./safetensors.ts";

describe("filter layouts", () => {
  it("move [o,i,h,w] to [o,h,w,i]", () => {
    const [O, I, H, W] = [2, 3, 2, 4];
    const oihw = hostTensor("f32", [O, I, H, W], Float32Array.from({ length: O * I * H * W }, (_, n) => n));
    const ohwi = oihwToOhwi(oihw);
    expect(ohwi.shape).toEqual([O, H, W, I]);
    for (let o = 0; o < O; o++) for (let i = 0; i < I; i++) for (let h = 0; h < H; h++) for (let w = 0; w < W; w++) {
      expect(ohwi.data[((o * H + h) * W + w) * I + i]).toBe(((o * I + i) * H + h) * W + w);
    }
  });

  it("are exact inverses of each other, for every dtype, bit for bit", () => {
    const anyFilter = fc
      .tuple(fc.constantFrom(...Object.values(safetensorsDtypes)), fc.array(fc.nat(5), { minLength: 4, maxLength: 4 }))
      .chain(([dtype, shape]) => {
        const length = sizeOf(shape) * elementBytes[dtype];
        return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => hostTensor(dtype, shape, makeArray(dtype, sizeOf(shape), bytes.slice().buffer, 0)));
      });
    const bytes = (t: { data: ArrayBufferView }) => new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength);
    fc.assert(
      fc.property(anyFilter, (filter) => {
        for (const back of [ohwiToOihw(oihwToOhwi(filter)), oihwToOhwi(ohwiToOihw(filter))]) {
          expect([back.dtype, back.shape]).toEqual([filter.dtype, filter.shape]);
          // A NaN's payload may change on its way through a float register, so floats compare as values there.
          if (filter.dtype === "f32" || filter.dtype === "f64") expect(back.data).toEqual(filter.data);
          else expect(bytes(back)).toEqual(bytes(filter));
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it("copy 1x1 filters too, so that writing to one leaves the other alone", () => {
    const filter = hostTensor("f32", [2, 2, 1, 1], Float32Array.of(1, 2, 3, 4));
    const moved = oihwToOhwi(filter);
    expect(moved.data).toEqual(filter.data);
    moved.data[0] = 9;
    expect(filter.data[0]).toBe(1);
  });

  it("belong to filters of four axes", () => {
    expect(() => oihwToOhwi(hostTensor("f32", [2, 3]))).toThrowError("oihwToOhwi: filters have 4 axes, got f32[2,3].");
    expect(() => ohwiToOihw(hostTensor("f32", [2, 3]))).toThrowError(ShapeError);
  });
});
