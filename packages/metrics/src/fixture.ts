// Test support, outside the package's exports: what scikit-learn, SciPy, statsmodels and mpmath said.
import { readFileSync } from "node:fs";

type Rates = readonly [dice: number, iou: number, sensitivity: number | null, specificity: number | null];
type CurvePoint = readonly [falsePositiveRate: number, truePositiveRate: number, threshold: number | null];
interface TestForm {
  readonly t: number;
  readonly df: number;
  readonly p: number;
  readonly greater: number;
  readonly less: number;
  readonly scipy: readonly [t: number, df: number, p: number];
  readonly statsmodels: readonly [t: number, df: number, p: number];
}

interface MetricsFixture {
  readonly auc: readonly { name: string; scores: number[]; labels: number[]; auc: number; dropped: CurvePoint[]; full: CurvePoint[] }[];
  readonly multilabel: { classes: number; scores: number[]; labels: number[]; perClass: (number | null)[]; mean: number };
  readonly multiclass: {
    classes: number;
    logits: number[];
    truth: number[];
    softmax: number[];
    predicted: number[];
    mean: number;
    perClass: number[];
    accuracy: number;
    confusion: number[][];
  };
  readonly counts: {
    scores: number[];
    labels: number[];
    rows: { threshold: number; counts: [number, number, number, number]; sensitivity: number; specificity: number; accuracy: number }[];
  };
  readonly overlap: { images: { prediction: number[]; truth: number[]; scores: Rates }[]; pooled: Rates; mean: Rates };
  readonly summary: readonly {
    values: number[];
    mean: number;
    sd: number;
    populationSd: number;
    median: number;
    numpySd: number;
    quantiles: [q: number, value: number][];
  }[];
  readonly tTest: readonly { name: string; a: number[]; b: number[]; student: TestForm; welch: TestForm }[];
  readonly studentTails: readonly (readonly [t: number, df: number, exact: number, scipy: number])[];
  readonly betas: readonly (readonly [a: number, b: number, x: number, exact: number])[];
  readonly normal: { tails: [z: number, p: number][]; quantiles: [p: number, z: number][] };
  readonly bootstrap: readonly { values: number[]; level: number; indices: number[][]; percentile: [number, number]; bca: [number, number] }[];
}

export const fixture = JSON.parse(
  readFileSync(new URL("../../../test/fixtures/metrics/metrics.json", import.meta.url), "utf8"),
) as MetricsFixture;

/** |got - want| over |want|; 0 where both are equal, 0 included. */
export const relativeError = (got: number, want: number): number => (got === want ? 0 : Math.abs(got - want) / Math.abs(want));
