import { expect, it } from "vitest";
import { predictionsTable } from "./prediction-text.ts";

const row = (file: string, values: number[], predicted: string[], mask: string | null = null) => ({ file, values, predicted, width: 8, height: 8, mask });

it("a table shows every class of a few, the likeliest of many, and the marked share of masks; names cannot speak to the terminal", () => {
  expect(predictionsTable({ kind: "multilabel", classes: ["fluid", "ma\u001b[31mss"] }, [row("a\u0007.png", [0.25, 0.75], ["ma\u001b[31mss"]), row("b.png", [0, 0.125], [])])).toMatchInlineSnapshot(`
    "file    predicted   fluid  ma�[31mss
    ------  ---------  ------  ---------
    a�.png  ma�[31mss  25.0 %     75.0 %
    b.png   -           0.0 %     12.5 %"
  `);
  const many = ["a", "b", "c", "d", "e", "f", "g"];
  expect(predictionsTable({ kind: "multiclass", classes: many }, [row("x.png", [0, 0.1, 0.05, 0.7, 0.15, 0, 0], ["d"])])).toMatchInlineSnapshot(`
    "file   predicted  likeliest
    -----  ---------  ----------------------------
    x.png  d          d 70.0 %, e 15.0 %, b 10.0 %"
  `);
  expect(predictionsTable({ kind: "mask", classes: ["brain"] }, [row("x.png", [0.3125], [], "out/x.png"), row("y.png", [0], [])])).toMatchInlineSnapshot(`
    "file    brain  mask
    -----  ------  ---------
    x.png  31.3 %  out/x.png
    y.png   0.0 %  -"
  `);
});
