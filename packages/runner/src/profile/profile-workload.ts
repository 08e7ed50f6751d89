// From a workload to its profile: builds the model with random weights, records its step on random images, measures the device's
// ceilings and times every dispatch. Runs in Node and in a tab.

import { ConfigError, Rng } from "@roentgen/core";
import { bestCeilings, type Ceilings, type Device, measureCeilings, type Profile, readableBytes, type TimingOptions } from "@roentgen/gpu";
import { modelNamed, UNet } from "@roentgen/models";
import { Adam, dispose, LossScale, materialize, type Module, Pass } from "@roentgen/nn";
import { backward, bceWithLogits, collectTasks, crossEntropy, type InputData, noGrad, record, spec, type Step, type Tensor, useTuning } from "@roentgen/tensor";
import { choiceOf, type KernelChoice, type KnownTuning, profileReport, type ProfileReport, type Workload } from "./profile-report.ts";

/** What is under way, for a progress line: a stage, and how much of it is done where that is known. */
export type ProfileProgress = (stage: "record" | "compile" | "ceilings" | "time", done: number, total: number) => void;

export interface ProfileOptions extends Pick<TimingOptions, "repeats" | "method"> {
  /** Version of roentgen, and what it runs in: for the report. */
  readonly roentgen: string;
  readonly runtime: string;
  /** How busy the machine is, where that can be known: its cores, and its load average now. */
  readonly machine?: { readonly cores: number; readonly load: () => number };
  /** What was measured of kernels on this device. */
  readonly tuning?: KnownTuning | null;
  readonly onProgress?: ProfileProgress;
}

/**
 * Profiles a model's forward pass or training step.
 *
 * Throws ConfigError for an unknown model or a size that it does not take, OutOfMemoryError for one that does not fit.
 */
export async function profileWorkload(device: Device, workload: Workload, { roentgen, runtime, machine, tuning = null, repeats = 5, method, onProgress = () => undefined }: ProfileOptions): Promise<ProfileReport> {
  const loadAtStart = machine?.load() ?? 0;
  onProgress("record", 0, 1);
  const { recorded, choice } = recordTuned(device, workload, tuning);
  const { step, inputs } = recorded;
  // While the plan has no memory: these buffers are large.
  const ceilings = async () => {
    onProgress("ceilings", 0, 1);
    return measureCeilings(device);
  };
  const measured: Ceilings[] = [];
  let profile: Profile;
  try {
    measured.push(await ceilings());
    await step.build((done, total) => onProgress("compile", done, total));
    // Once as usual, so that what is timed works on real values, with warm caches.
    step.run(...inputs);
    await device.idle();
    onProgress("time", 0, repeats);
    profile = await device.profile(step.plan, { repeats, inputs, ...(method ? { method } : {}), onRound: (done, total) => onProgress("time", done, total) });
  } finally {
    recorded.dispose();
  }
  measured.push(await ceilings());
  return profileReport(profile, bestCeilings(measured), {
    roentgen, runtime, workload, adapter: device.info, choice, ...(machine ? { machine: { cores: machine.cores, load: { start: loadAtStart, end: machine.load() } } } : {}),
  });
}

/** The step with the kernels that a tuning chose, and which those are. */
function recordTuned(device: Device, workload: Workload, tuning: ProfileOptions["tuning"]): { recorded: ReturnType<typeof recordWorkload>; choice: KernelChoice } {
  if (tuning) useTuning(device, tuning.winners);
  const found: ReturnType<typeof recordWorkload>[] = [];
  const tasks = collectTasks(device, () => found.push(recordWorkload(device, workload)));
  const [recorded] = found;
  if (!recorded) throw new Error("internal: nothing was recorded.");
  return { recorded, choice: choiceOf(tasks, tuning ?? null) };
}

/** Throws ConfigError for images that no kernel could be given at once, before anything is made for them. */
function checkImages(name: string, batch: number, size: number, mostBytes: number): void {
  const bytes = 4 * 3 * batch * size * size;
  if (bytes <= mostBytes) return;
  const most = Math.floor(mostBytes / (12 * size * size));
  const images = batch === 1 ? `an image of ${size} px is` : `${batch} images of ${size} px are`;
  const fix = most > 0 ? `Use a batch of ${most} or less, less still where the network needs more, or a smaller size.` : "Use a smaller size.";
  throw new ConfigError(`${name}: ${images} ${readableBytes(bytes)}, and this device gives a kernel ${readableBytes(mostBytes)} at most. ${fix}`);
}

export interface RecordedWorkload {
  readonly step: Step<unknown>;
  readonly inputs: readonly InputData[];
  /** Gives back all memory of the step and of the model it computes. */
  readonly dispose: () => void;
}

/** The step of a workload, with inputs for it. The same seed every time: two profiles do the same work. Throws what `profileWorkload` throws. */
export function recordWorkload(device: Device, workload: Workload): RecordedWorkload {
  const { model: name, train, batch, size, precision = "f32" } = workload;
  const model = modelNamed(name);
  if (model instanceof UNet && size % 32 !== 0) throw new ConfigError(`${name}: the size must be a multiple of 32, not ${size}: the encoder halves it five times.`);
  checkImages(name, batch, size, device.maxBindingBytes);
  materialize(model, device, { seed: 0 });
  const pass: Parts["pass"] = new Pass(model, precision);
  const lossScale = precision === "mixed" ? new LossScale(device) : undefined;
  const optimizer = train ? new Adam(model.parameters(), { lr: 1e-4, lossScale }) : undefined;
  const free = () => {
    for (const owner of [optimizer, lossScale, pass]) owner?.dispose();
    dispose(model);
  };
  try {
    const { step, inputs } = recordStep(device, { pass, lossScale, optimizer }, workload);
    return { step, inputs, dispose: () => (step.dispose(), free()) };
  } catch (error) {
    free();
    throw error;
  }
}

interface Parts {
  readonly pass: Pass<Module & { forward(x: Tensor): Tensor }>;
  readonly lossScale: LossScale | undefined;
  readonly optimizer: Adam | undefined;
}

function recordStep(device: Device, { pass, lossScale, optimizer }: Parts, { batch, size }: Workload): { step: Step<unknown>; inputs: InputData[] } {
  const { model } = pass;
  const rng = new Rng(0);
  const images = Float32Array.from({ length: batch * size * size * 3 }, () => rng.normal());
  const x = spec("f32", [batch, size, size, 3]);
  if (!optimizer) {
    model.eval();
    return { step: record(device, "forward", (image) => noGrad(() => pass.forward(image)), [x]), inputs: [images] };
  }
  model.train();
  const stepOf = (loss: Tensor) => {
    optimizer.step(backward(loss, lossScale?.factor));
    return loss;
  };
  if (model instanceof UNet) {
    const masks = Float32Array.from({ length: batch * size * size }, () => rng.int(2));
    return { step: record(device, "train", (image, mask) => stepOf(bceWithLogits(pass.forward(image), mask)), [x, spec("f32", [batch, size, size, 1])]), inputs: [images, masks] };
  }
  const labels = Uint32Array.from({ length: batch }, () => rng.int(1000));
  return { step: record(device, "train", (image, label) => stepOf(crossEntropy(pass.forward(image), label)), [x, spec("u32", [batch])]), inputs: [images, labels] };
}
