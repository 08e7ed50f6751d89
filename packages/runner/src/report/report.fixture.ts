// A made-up study for tests: predictions are drawn, but every score, cell and comparison is computed from them as a real
// study's are. Nothing is stored; the same arguments give the same report.

import { Rng } from "@roentgen/core";
import { OverlapMeter } from "@roentgen/metrics";
import { parseStudy } from "../config.ts";
import { maskExample } from "../mask-example.ts";
import { cellsOf, comparisonsOf } from "../report.ts";
import type { EpochRecord, MaskExample, Report, TrialResult } from "../results.ts";
import { classificationScores, segmentationScores } from "../scores.ts";

export interface FixtureOptions {
  readonly inits?: readonly string[];
  readonly baseline?: string;
  readonly trials?: number;
  readonly unavailable?: Readonly<Record<string, string>>;
  /** Replaces names that come from data, to see what hostile ones do. */
  readonly classes?: readonly string[];
  readonly file?: (index: number) => string;
}

const study = ({ inits = ["random", "imagenet"], baseline, trials = 3 }: FixtureOptions) => `
name: fixture
title: Do ImageNet weights help on slices of heads?
inits: ${JSON.stringify(inits)}
${baseline === undefined ? "" : `baseline: ${JSON.stringify(baseline)}`}
trials: ${trials}
seed: 7
tasks:
  plane:
    title: Plane of a slice
    data: demo/plane
    model: { kind: resnet, depth: 50, strideOn: 1x1, eps: 0.001 }
    size: 64
    batch: 8
    epochs: 8
    patience: 3
    loss: cross-entropy
    optimizer: { lr: 0.0002 }
    schedule: { kind: cosine }
    augment: { crop: { area: [0.5, 1] }, flip: 0.5, rotateDegrees: 10 }
  brain:
    title: Brain extraction
    data: demo/brain
    model: { kind: unet, depth: 18 }
    size: 64
    batch: 8
    epochs: 10
    patience: 4
    loss: bce+dice
    optimizer: { lr: 0.001 }
    augment: segmentation
`;

/** A report of two tasks. Initialisations named "random" do worst. */
export function fixtureReport(options: FixtureOptions = {}): Report {
  const unavailable = options.unavailable ?? {};
  const inits = options.inits ?? ["random", "imagenet"];
  const config = parseStudy(study({ ...options, baseline: options.baseline ?? (inits.includes("imagenet") ? "imagenet" : undefined) } as FixtureOptions));
  const classes = options.classes ?? ["axial", "coronal", "sagittal"];
  const file = options.file ?? ((i: number) => `test/subject-b-${String(i).padStart(2, "0")}.png`);
  const runs = Array.from({ length: config.trials }, (_, run) => run);
  const trials = runs.flatMap((run) => ["plane", "brain"].flatMap((task) => inits.filter((init) => !(init in unavailable)).map((init): TrialResult => {
    const rng = Rng.for(config.seed, task, init, run);
    const skill = (init === "random" ? 0.5 : 1.1 + 0.05 * inits.indexOf(init)) + rng.normal(0, 0.08);
    const drawn = task === "plane" ? classified(rng, skill, classes, file) : outlined(rng, skill, file);
    const headline = drawn.scores.kind === "classification" ? drawn.scores.meanAuc : drawn.scores.dicePooled;
    const count = task === "plane" ? 8 : 10;
    return { name: `${task}-${init}-${run}`, task, init, seed: rng.u32(), ...curves(rng, skill, count), ...drawn, headline, model: `models/${task}-${init}-${run}.safetensors`, seconds: 38 + rng.uniform(0, 6) };
  })));
  const subjects = { train: ["colin27", "inia19"], validation: ["colin27", "inia19"], test: ["itk-t1"] };
  return {
    format: 1, config, unavailable, trials, cells: cellsOf(config, trials), comparisons: comparisonsOf(config, trials),
    environment: {
      roentgen: "0.1.0", commit: "0123456789abcdef0123456789abcdef01234567", runtime: "Node v20.20.2", system: "linux x64",
      adapter: { vendor: "mesa", architecture: "", device: "llvmpipe", description: "llvmpipe (LLVM 19.1.4, 256 bits)", software: true, toggles: ["-timestamp_quantization"] },
    },
    tunedKernels: 12,
    data: {
      plane: { name: "plane", hash: "9f".repeat(32), classes, images: { train: 114, validation: 48, test: 96 }, subjects },
      brain: { name: "brain", hash: "3c".repeat(32), classes: ["brain"], images: { train: 60, validation: 24, test: 48 }, subjects: { train: ["colin27"], validation: ["colin27"], test: ["itk-t1"] } },
    },
    sources: Object.fromEntries(inits.map((init) => [init, init === "random" ? "drawn at random for each trial (Kaiming normal, fan_out)" : `${init} weights, supervised`])),
    seconds: trials.reduce((sum, t) => sum + t.seconds, 0),
  };
}

function curves(rng: Rng, skill: number, count: number): Pick<TrialResult, "epochs" | "losses" | "steps" | "bestEpoch"> {
  const perEpoch = 14;
  const losses = Array.from({ length: count * perEpoch }, (_, i) => (0.1 + Math.exp((-i * skill) / 45)) * Math.exp(rng.normal(0, 0.18)));
  const epochs = Array.from({ length: count }, (_, epoch): EpochRecord => ({
    epoch, rate: 2e-4, trainLoss: losses[epoch * perEpoch] ?? 0, seconds: 4, imagesPerSecond: 31,
    validationLoss: (0.3 / skill + 0.8 * Math.exp((-(epoch + 1) * skill) / 3) + 0.004 * epoch * epoch) * Math.exp(rng.normal(0, 0.05)),
  }));
  const lowest = Math.min(...epochs.map((e) => e.validationLoss));
  return { epochs, losses, steps: losses.length, bestEpoch: epochs.findIndex((e) => e.validationLoss === lowest) };
}

function classified(rng: Rng, skill: number, classes: readonly string[], file: (i: number) => string): Pick<TrialResult, "scores" | "predictions" | "examples"> {
  const labels = Array.from({ length: 96 }, (_, i) => [i % classes.length]);
  const probabilities = labels.map(([label]) => {
    const raw = classes.map((_, c) => Math.exp(rng.normal(c === label ? 1.3 * skill : 0, 1)));
    const sum = raw.reduce((a, b) => a + b, 0);
    return raw.map((v) => v / sum);
  });
  return { scores: classificationScores(Float64Array.from(probabilities.flat()), labels, classes, true), predictions: { files: labels.map((_, i) => file(i)), probabilities, labels }, examples: [] };
}

/** Blobs on a bright disc, found with an error that falls with skill. */
function outlined(rng: Rng, skill: number, file: (i: number) => string): Pick<TrialResult, "scores" | "predictions" | "examples"> {
  const size = 64;
  const meter = new OverlapMeter();
  const examples: MaskExample[] = [];
  for (let i = 0; i < 6; i++) {
    const disc = (radius: number, wave: number, cx = 32, cy = 32) => Float32Array.from({ length: size * size }, (_, at) => {
      const [dx, dy] = [(at % size) - cx, Math.floor(at / size) - cy];
      return Number(Math.hypot(dx, dy * 1.15) < radius * (1 + 0.08 * Math.sin(wave + 3 * Math.atan2(dy, dx))));
    });
    const truth = disc(15 + i, i);
    const off = 3 / skill;
    const prediction = disc(15 + i + rng.normal(0, off), i + rng.uniform(0, off), 32 + rng.normal(0, off / 2), 32 + rng.normal(0, off / 2));
    const head = disc(26, 0);
    const image = Uint8Array.from({ length: 3 * size * size }, (_, at) => {
      const pixel = Math.floor(at / 3);
      return Math.min(255, 12 + 90 * (head[pixel] ?? 0) + 80 * (truth[pixel] ?? 0) + 12 * Math.sin(pixel / 7));
    });
    const { dice } = meter.add(prediction, truth);
    examples.push(maskExample(file(i), size, { image, truth, prediction, dice }));
  }
  return { scores: segmentationScores(meter), predictions: null, examples };
}
