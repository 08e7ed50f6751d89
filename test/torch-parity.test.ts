import { beforeAll, describe, expect, it } from "vitest";
import { withDevice } from "@roentgen/tensor/testing/node";
import { type Compared, type Digest, modelFixture, type ModelName } from "./fixtures/torch/generate.ts";
import { type Outcome, runFixture } from "./torch-step.ts";
import { torchTolerances as tolerances } from "./torch-tolerances.ts";

const models: readonly [ModelName, what: string][] = [
  ["resnet50", "ResNet-50, cross entropy"],
  ["resnet18", "ResNet-18, binary cross entropy of logits"],
  ["resnet50-v1-eval", "ResNet-50 v1 on running statistics, eps 1e-3"],
  ["unet-bce", "U-Net, binary cross entropy of logits"],
  ["unet-dice", "U-Net, dice loss"],
];
const patience = 600_000;

withDevice("trained as in PyTorch", (device) => {
  describe.each(models)("%s: %s", (name) => {
    const fixture = modelFixture(name);
    let ours: Outcome;
    beforeAll(async () => {
      ours = await runFixture(device(), name, fixture);
    }, patience);

    it("gives the logits of the first step", () => {
      const wanted = fixture.logits.f64;
      const error = Math.hypot(...wanted.map((v, i) => v - (ours.logits[i] ?? NaN)));
      expect(error / Math.hypot(...wanted)).toBeLessThan(tolerances.logits * fixture.logits.distance);
    });

    it("gives every parameter's gradient", () => {
      expect(Object.keys(fixture.gradients).sort()).toEqual([...ours.gradients.keys()].sort());
      const shapes = new Map(fixture.tensors.map(([path, shape]) => [path, shape]));
      const wrong = Object.entries(fixture.gradients).flatMap(([path, wanted]) =>
        gradientErrors(ours.gradients.get(path) ?? [], wanted, (shapes.get(path) ?? []).reduce((a, b) => a * b, 1)).map((problem) => `${path}: ${problem}`));
      expect(wrong).toEqual([]);
    });

    it("is as near to float64 as PyTorch's float32 is, in half of the gradients", () => {
      const errors = Object.entries(fixture.gradients).map(([path, wanted]) => probeError(ours.gradients.get(path) ?? [], wanted, wanted.distance)).sort((a, b) => a - b);
      expect(errors[errors.length >> 1]).toBeLessThan(tolerances.medianProbe);
    });

    it("leaves the running statistics that PyTorch leaves", () => {
      expect(Object.keys(fixture.running).sort()).toEqual([...ours.running.keys()].sort());
      const wrong = Object.entries(fixture.running).flatMap(([path, { f64: wanted }]) => {
        const got = ours.running.get(path) ?? [];
        const off = Math.max(...wanted.map((v, i) => Math.abs(v - (got[i] ?? NaN)))) / (wanted[0] ?? 0);
        return off < tolerances.runningStatistics ? [] : [`${path}: off by ${off.toExponential(1)} of the norm`];
      });
      expect(wrong).toEqual([]);
      expect(ours.batchesTracked).toBe(fixture.case.mode === "train" ? 1 : 0);
    });

    it("goes through the losses of ten Adam steps, and ends at the loss in evaluation", () => {
      const { losses, evalLoss } = fixture;
      const off = ours.losses.map((loss, i) => relative(loss, losses.f64[i] ?? NaN));
      const torchLosses = Math.max(tolerances.leastLoss, ...losses.f32.map((loss, i) => relative(loss, losses.f64[i] ?? NaN)));
      const torchEval = Math.max(torchLosses, relative(evalLoss.f32, evalLoss.f64));
      expect(off).toHaveLength(10);
      expect(off[0]).toBeLessThan(tolerances.firstLoss);
      expect(Math.max(...off)).toBeLessThan(tolerances.trainingLoss * torchLosses);
      expect(off.at(-1)).toBeLessThan(tolerances.tenthLoss);
      expect(relative(ours.evalLoss, evalLoss.f64)).toBeLessThan(tolerances.evalLoss * torchEval);
    });
  });
});

const relative = (got: number, wanted: number): number => Math.abs(got - wanted) / Math.abs(wanted);

/** Our error in units of PyTorch's, as the probe sees it: a normal number if they are of one size. */
function probeError(got: Digest, { f64 }: Compared, distance: number): number {
  const [norm = 0, , dot = 0] = f64;
  return (Math.abs((got[2] ?? NaN) - dot) * Math.sqrt(3)) / (norm * distance);
}

function gradientErrors(got: Digest, wanted: Compared, elements: number): string[] {
  const [norm = 0, sum = 0, , ...values] = wanted.f64;
  const distance = Math.max(wanted.distance, tolerances.leastDistance);
  const length = norm * distance;
  const checks: [what: string, error: number, allowed: number][] = [
    ["norm, relative", relative(got[0] ?? NaN, norm), tolerances.gradientNorm],
    ["probe, in PyTorch's distances", probeError(got, wanted, distance), tolerances.gradientProbe],
    ["sum, in PyTorch's distances", Math.abs((got[1] ?? NaN) - sum) / (length * Math.sqrt(elements)), tolerances.gradientSum],
    ["values, in PyTorch's distances", Math.max(...values.map((v, i) => Math.abs(v - (got[i + 3] ?? NaN)))) / length, tolerances.gradientValues],
  ];
  return checks.filter(([, error, allowed]) => !(error <= allowed)).map(([what, error, allowed]) => `${what}: ${error.toPrecision(3)} (allowed ${allowed})`);
}
