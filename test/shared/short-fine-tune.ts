// Ten training steps that a browser and Node both take, to be compared loss by loss.
//
// The two sum in different orders (subgroups of four lanes against eight, other kernels), so their losses part by rounding, and
// training multiplies that: a fresh ResNet-18 on four images has a gradient of norm 190, most of it in its first convolution,
// and a step along it that shows in the loss at all multiplies a difference by ten or more (measured from SGD 2e-5 and Adam
// 1e-4 on: 1e-3 to 1e-1 after ten steps). Clipping to norm 0.1 makes steps of length 1e-3, in the range where the gradient still
// predicts the loss. Ten of them change the losses by 1 to 4 %; the two sides then differ by 4e-6 at most, unless a maximum of a pool or
// a ReLU goes the other way at some step, which shows as 1e-4: of seeds 1 to 5 and 7 all but 2 have such a place within a change of the
// learning rate by 4e-6 (fourteen steps of 3e-7 tried, on one device).

import { type Dataset, type FileSource, loadDataset, type SplitName } from "@roentgen/data";
import type { Device } from "@roentgen/gpu";
import { parseStudy, randomInit, type TaskConfig, Trial } from "@roentgen/runner";

const task: TaskConfig = parseStudy(`
name: short
inits: [random]
trials: 1
tasks:
  plane:
    data: plane
    model: { kind: resnet, depth: 18 }
    size: 32
    batch: 4
    epochs: 1
    patience: 0
    loss: cross-entropy
    optimizer: { kind: sgd, lr: 0.01, momentum: 0, maxGradNorm: 0.1 }
`).tasks.plane as TaskConfig;

const steps = 10;

/** Fine-tunes a ResNet-18 for ten steps on forty images of the demonstration's plane set. The same on every device, to rounding. */
export async function shortFineTune(device: Device, planeSet: FileSource): Promise<{ losses: number[]; validationLoss: number }> {
  const dataset = few(await loadDataset(planeSet), { train: steps * task.batch, val: 4, test: 8 });
  const init = await randomInit.load();
  const trial = device.scope(() => new Trial(device, { name: "short", taskName: "plane", task, initName: "random", init, seed: 2, dataset }));
  try {
    await trial.build();
    const result = await trial.run({ listener: () => undefined, signal: new AbortController().signal, checkpoint: async () => undefined });
    if (!result) throw new Error("internal: nobody interrupted the trial.");
    return { losses: [...result.losses], validationLoss: result.epochs[0]?.validationLoss ?? NaN };
  } finally {
    trial.dispose();
  }
}

/** The set with so many samples of each split, evenly spaced, so that every class is among them. */
function few(dataset: Dataset, counts: Readonly<Record<SplitName, number>>): Dataset {
  return {
    ...dataset,
    split: (name) => {
      const all = dataset.split(name);
      return Array.from({ length: counts[name] }, (_, i) => all[Math.floor((i * all.length) / counts[name])]).filter((sample) => sample !== undefined);
    },
  };
}
