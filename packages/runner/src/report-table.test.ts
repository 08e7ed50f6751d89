import { describe, expect, it } from "vitest";
import { fixtureReport } from "./report/report.fixture.ts";
import { reportTable } from "./report-table.ts";

describe("reportTable", () => {
  it("aligns every cell and says what the marks mean", () => {
    expect(reportTable(fixtureReport())).toMatchInlineSnapshot(`
      "plane: Mean AUC, % of the test set
        init       n       mean ± SD          95 % CI   difference   p (Student)   p (Welch)   mark
        random     3    67.76 ± 4.60   62.48 to 70.87       −26.25       0.00089      0.0034   -***
        imagenet   3    94.02 ± 2.26   91.59 to 96.06     baseline             –           –      –

      brain: Dice, pooled, % of the test set
        init       n       mean ± SD          95 % CI   difference   p (Student)   p (Welch)   mark
        random     3   71.49 ± 11.17   59.56 to 81.71       −12.46          0.14        0.18     ns
        imagenet   3    83.95 ± 3.83   80.99 to 88.28     baseline             –           –      –

      Compared with imagenet: ns p >= 0.05, * < 0.05, ** < 0.01, *** < 0.001, **** < 0.0001, by Student's t-test.
      Intervals of fewer than five trials are too narrow; go by p.
      12 trials in 8 min 25 s on llvmpipe (LLVM 19.1.4, 256 bits) (software), Dawn toggles -timestamp_quantization."
    `);
  });

  it("shows dashes for one trial and says what could not be had", () => {
    expect(reportTable(fixtureReport({ trials: 1, unavailable: { imagenet: "offline." } }))).toMatchInlineSnapshot(`
      "plane: Mean AUC, % of the test set
        init     n   mean ± SD   95 % CI   difference   p (Student)   p (Welch)   mark
        random   1   70.87 ± –         –            –             –           –      –

      brain: Dice, pooled, % of the test set
        init     n   mean ± SD   95 % CI   difference   p (Student)   p (Welch)   mark
        random   1   73.20 ± –         –            –             –           –      –

      imagenet could not be had: offline. Nothing is compared; random ran alone.
      2 trials in 1 min 21 s on llvmpipe (LLVM 19.1.4, 256 bits) (software), Dawn toggles -timestamp_quantization."
    `);
  });

  it("lets no name move the cursor or break a line", () => {
    const table = reportTable(fixtureReport({ inits: ["evil\u001b[2J\nname"] }));
    expect(table).toContain("evil\ufffd[2J name");
    expect(table).not.toMatch(/[\u001b\r]/);
  });

  it("has only its last lines without a trial", () => {
    expect(reportTable({ ...fixtureReport(), trials: [], cells: [], comparisons: [], seconds: 0 })).toBe("0 trials in 0.0 s on llvmpipe (LLVM 19.1.4, 256 bits) (software), Dawn toggles -timestamp_quantization.");
  });
});
