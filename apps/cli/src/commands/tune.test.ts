import type { Attempt } from "@roentgen/tensor";
import { expect, it } from "vitest";
import { nullDevice } from "@roentgen/gpu";
import { formatFindings, summaryOf } from "./tune.ts";

const info = { ...nullDevice().info, description: "llvmpipe", toggles: ["-timestamp_quantization", "skip_validation"] };

const attempt = (family: string, timeMs: number | null, fault?: string): Attempt => ({ family, timeMs, error: 0, ...(fault ? { fault } : {}) });
const found = [
  { key: "conv2d.forward f32 a", winner: "lanes", attempts: [attempt("lanes", 2), attempt("plain", 9)] },
  { key: "conv2d.forward f32 b", winner: "winograd2", attempts: [attempt("lanes", 4), attempt("winograd2", 3), attempt("winograd4", null, "differs"), { ...attempt("matrix", null, "does not compile"), error: null }, attempt("plain", 20)] },
];

it("adds up what measurement gained over prediction", () => {
  expect(summaryOf(found)).toEqual({ shapes: 2, changed: 1, predictedMs: 6, tunedMs: 5 });
  expect(summaryOf([])).toEqual({ shapes: 0, changed: 0, predictedMs: 0, tunedMs: 0 });
});

it("prints the shapes, slowest first, and what else was tried", () => {
  expect(formatFindings(found, { tasks: 3, measured: 2, file: "tuning.json", info })).toMatchInlineSnapshot(`
    "shape                 fastest       ms  predicted     ms  others, ms
    --------------------  ---------  -----  ---------  -----  ---------------------------------------------
    conv2d.forward f32 b  winograd2  3.000  lanes      4.000  winograd4 wrong, matrix refused, plain 20.000
    conv2d.forward f32 a  lanes      2.000  the same          plain 9.000

    2 shapes measured, 1 have one family only; 1 are faster than predicted.
    Each once: 6.000 ms as predicted, 5.000 ms as measured (prediction 20.0 % slower).
    On llvmpipe; toggles -timestamp_quantization skip_validation. Kept in tuning.json; profile and new studies use it."
  `);
});

it("leaves out of a shape what most have in common", () => {
  const key = (rest: string) => `conv2d.forward f32 x 8x2x2x512 weight 512x3x3x512 ${rest}`;
  const shapes = [["stride 1,1 dilation 1,1 padding 1,1,1,1 groups 1", 2], ["stride 2,2 dilation 1,1 padding 0,0,0,0 groups 12", 1]] as const;
  const table = formatFindings(shapes.map(([rest, ms]) => ({ key: key(rest), winner: "plain", attempts: [attempt("plain", ms)] })), { tasks: 0, measured: 0, file: "tuning.json", info });
  expect(table.split("\n").slice(2, 4).map((line) => line.split(/ {2,}/)[0])).toEqual([key("padding 1,1,1,1"), key("stride 2,2 groups 12")]);
});

it("says what of it was known already", () => {
  const found = ["a", "b", "c"].map((key) => ({ key, winner: "plain", attempts: [attempt("plain", 1)] }));
  expect(formatFindings(found, { tasks: 3, measured: 1, file: null, info })).toContain("3 shapes, 2 of them measured before (--again measures all); 0 are faster than predicted.");
});
