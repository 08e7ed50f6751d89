import { host64, type Host64, type OpCase } from "../testing/index.ts";
import { tolerances } from "../testing/tolerances.ts";
import { cast } from "./cast.ts";

const same = (x: Host64): Host64 => host64(x.shape, x.data.slice());

// Exactly representable: rounding is compared bit by bit in the test.
const exact = [0, -0, 1, -1, 0.5, 65504, -65504, 2 ** -14, 2 ** -24, 1 + 2 ** -10, 3, 100];

export const cases: readonly OpCase[] = [
  { name: "cast f32 to f16", inputs: [{ shape: [3, 4], values: exact }], run: (x) => cast(x, "f16"), reference: same, gradientTolerance: tolerances.half },
  { name: "cast f16 to f32", inputs: [{ shape: [2, 3, 2], values: exact, dtype: "f16" }], run: (x) => cast(x, "f32"), reference: same, gradientTolerance: tolerances.half },
  { name: "cast f16 to f16", inputs: [{ shape: [100], dtype: "f16" }], run: (x) => cast(x, "f16"), reference: same, gradientTolerance: tolerances.half },
  { name: "cast f32 to f16 in many workgroups", inputs: [{ shape: [13, 8, 12], range: [-9, 9] }], run: (x) => cast(x, "f16"), reference: same, tolerance: tolerances.half, gradientTolerance: tolerances.half },
];
