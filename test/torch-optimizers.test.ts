import { readFileSync } from "node:fs";
import { Adam, AdamW, init, materialize, Module, nameModules, Parameter, type Schedule, schedule, Sgd } from "@roentgen/nn";
import { tensor } from "@roentgen/tensor";
import { withDevice } from "@roentgen/tensor/testing/node";
import { describe, expect, it } from "vitest";

interface OptimizerRun {
  readonly name: "Adam" | "AdamW" | "SGD";
  readonly options: {
    readonly lr: number;
    readonly betas?: [number, number];
    readonly eps?: number;
    readonly weight_decay?: number;
    readonly momentum?: number;
    readonly nesterov?: boolean;
    readonly dampening?: number;
  };
  readonly start: readonly number[];
  readonly gradients: readonly number[][];
  /** The parameter after each step. */
  readonly f64: readonly number[][];
}

interface HostArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

interface Clip {
  readonly maxNorm: number;
  readonly gradients: readonly HostArray[];
  readonly norm: number;
  readonly clipped: readonly HostArray[];
}

interface Plateau {
  readonly name: string;
  readonly lr: number;
  readonly options: { readonly factor: number; readonly patience: number; readonly threshold: number; readonly cooldown?: number; readonly min_lr?: number };
  readonly losses: readonly (number | null)[];
  readonly ratesAfter: readonly number[];
}

interface Schedules {
  readonly plateau: readonly Plateau[];
  readonly cosine: { readonly lr: number; readonly steps: number; readonly rates: number[] };
  readonly studyCosine: { readonly lr: number; readonly epochs: number; readonly rates: number[] };
  readonly linearToZero: { readonly lr: number; readonly steps: number; readonly rates: number[] };
  readonly step: { readonly lr: number; readonly every: number; readonly factor: number; readonly rates: number[] };
  readonly exponential: { readonly lr: number; readonly factor: number; readonly rates: number[] };
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`./fixtures/torch/${name}.json`, import.meta.url), "utf8"));
const { optimizers, clipGradNorm } = read("optimizers") as { optimizers: OptimizerRun[]; clipGradNorm: Clip[] };
const schedules = read("schedules") as Schedules;

/** Five updates in float32, each rounded once or twice; relative to the largest parameter. Reached: 1.6e-7. PyTorch's own float32: 1.5e-7. */
const tolerance = 3e-7;

class Weights extends Module {
  constructor(readonly parts: readonly Parameter[]) {
    super();
    nameModules(this);
  }

  override *fields(): Generator<readonly [string, Parameter]> {
    for (const [i, part] of this.parts.entries()) yield [String(i), part];
  }
}

const weights = (...shapes: (readonly number[])[]) => new Weights(shapes.map((shape) => new Parameter(shape, init.zeros)));

function optimizerOf({ name, options: { lr, betas, eps, weight_decay: weightDecay = 0, momentum = 0, nesterov = false } }: OptimizerRun, parameters: readonly Parameter[]) {
  const adam = { lr, weightDecay, ...(betas ? { betas } : {}), ...(eps === undefined ? {} : { eps }) };
  switch (name) {
    case "Adam":
      return new Adam(parameters, adam);
    case "AdamW":
      return new AdamW(parameters, adam);
    case "SGD":
      return new Sgd(parameters, { lr, weightDecay, momentum, nesterov });
    default:
      return name satisfies never;
  }
}

withDevice("optimisers as in PyTorch", (device) => {
  // Dampening is the one option that ours lack.
  it.each(optimizers.filter((o) => !o.options.dampening).map((o) => [o.name, JSON.stringify(o.options), o] as const))("%s %s updates as torch.optim does", async (_, __, run) => {
    const model = materialize(weights([run.start.length]), device(), { seed: 0 });
    const parameter = model.parts[0] as Parameter;
    parameter.tensor.write(Float32Array.from(run.start));
    const optimizer = optimizerOf(run, model.parts);
    for (const [i, gradient] of run.gradients.entries()) {
      optimizer.step(new Map([[parameter.tensor, tensor(device(), gradient)]]));
      const wanted = run.f64[i] ?? [];
      const scale = Math.max(...wanted.map(Math.abs));
      const off = [...(await parameter.tensor.floats())].map((v, j) => Math.abs(v - (wanted[j] ?? NaN)) / scale);
      expect(Math.max(...off)).toBeLessThan(tolerance);
    }
  });

  it.each(clipGradNorm)("clips a gradient to norm $maxNorm over all parameters as clip_grad_norm_ does", async ({ maxNorm, gradients, norm, clipped }) => {
    const model = materialize(weights(...gradients.map((g) => g.shape)), device(), { seed: 0 });
    const optimizer = new Sgd(model.parts, { lr: 1, maxGradNorm: maxNorm });
    const given = new Map(gradients.map(({ shape, data }, i) => [(model.parts[i] as Parameter).tensor, tensor(device(), data, shape)]));
    expect(await optimizer.step(given)?.item()).toBeCloseTo(norm, 5);
    for (const [i, { data }] of clipped.entries()) {
      const moved = await (model.parts[i] as Parameter).tensor.floats();
      for (const [j, wanted] of data.entries()) expect(moved[j]).toBeCloseTo(-wanted, 6);
    }
  });
});

describe("schedules as in PyTorch", () => {
  // Cooldown is the one option that ours lacks.
  it.each(schedules.plateau.filter((p) => !p.options.cooldown))("plateau: $name", ({ lr, options: { factor, patience, threshold, min_lr: minimum = 0 }, losses, ratesAfter }) => {
    const plateau = schedule.plateau(lr, { factor, patience, threshold, minimum });
    const rates = losses.map((loss, epoch) => {
      plateau.observe(loss ?? NaN);
      return plateau.rate(epoch + 1);
    });
    expect(rates).toEqual(ratesAfter);
  });

  const { cosine, studyCosine, linearToZero, step, exponential } = schedules;
  it.each<[string, Schedule, number[]]>([
    ["cosine", schedule.cosine(cosine.lr, { total: cosine.steps }), cosine.rates],
    ["the study's cosine, one epoch late", schedule.cosine(studyCosine.lr, { total: studyCosine.epochs, lag: 1 }), studyCosine.rates],
    ["linear to zero", schedule.linear(linearToZero.lr, { total: linearToZero.steps }), linearToZero.rates],
    ["step", schedule.step(step.lr, step), step.rates],
    ["exponential, a step every epoch", schedule.step(exponential.lr, { every: 1, factor: exponential.factor }), exponential.rates],
  ])("%s", (_, ours, rates) => {
    for (const [t, rate] of rates.entries()) expect(Math.abs(ours.rate(t) - rate)).toBeLessThan(1e-15);
  });
});
