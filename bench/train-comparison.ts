// A training step on every engine: what the networks' benchmarks share.

import { type Bench, bestMs, cpuOf, valuesOf } from "./harness.ts";
import type { PeerName } from "./peer-process.ts";
import { type TargetName, targets } from "./targets.ts";
import { training, type Workload } from "./training.ts";

export interface Goal extends Workload {
  /** States the targets: they are about one batch size of each network. */
  readonly judged: boolean;
}

/** Images per second of ours and the peers, first losses that agree, and where ours takes its time. */
export async function train({ device, peers, compare, note, figure, target, print }: Bench, { judged, ...workload }: Goal): Promise<void> {
  const { name, batch, size } = workload;
  const what = `${name}, batch ${batch}, ${size} pixels`;
  const { step, dispose } = training(device, workload, { resident: true });
  // While a GPU computes one step the next is encoded; a software driver wants the processor for itself.
  const units = device.info.software ? 1 : 4;
  const run = async () => {
    for (let i = 0; i < units; i++) step.run();
    await device.idle();
  };
  await step.build();
  print(`${what}: ${step.plan.dispatches.length} dispatches, ${step.plan.pipelineCount} pipelines, ${(step.plan.bytes / 2 ** 20).toFixed(0)} MiB beside the parameters`);
  const flops = step.plan.dispatches.reduce((sum, d) => sum + d.flops, 0);
  const losses = [await step.run().item()];
  const compared = await compare({
    name: `${what}, training step`, units, flops, work: { kind: "train", model: name, batch, size }, among: peers.filter((peer) => peer !== "ort"), run,
    async losses() {
      losses.push(await step.run().item());
      return losses;
    },
  });
  const rates = valuesOf(compared, (result) => (1e3 * batch) / bestMs(result));
  const cpuMs = cpuOf(compared);
  // What a GPU has beside float32, for the record: PyTorch's own fastest ways.
  for (const mode of ["tf32", "amp"] as const) {
    if (!peers.includes("torch-cuda") || !compared["torch-cuda"]) continue;
    const { roentgen: _, ...other } = await compare({
      name: `${what}, PyTorch ${mode}`, units, flops, work: { kind: "train", model: name, batch, size, mode }, among: ["torch-cuda"], run,
    });
    if (other["torch-cuda"]) note(`${what}: PyTorch on CUDA, ${mode}`, (1e3 * batch) / bestMs(other["torch-cuda"]), "images/s");
  }
  figure({ name: `${what}, training step`, unit: "images/s", better: "more", values: rates, cpuMs });
  if (judged) {
    const against = (peer: PeerName) => `${name} step against ${peer}` as TargetName;
    for (const peer of peers) if (rates[peer] !== undefined && against(peer) in targets) target(against(peer), (rates.roentgen ?? NaN) / rates[peer], (cpuMs[peer] ?? NaN) / (cpuMs.roentgen ?? NaN));
    if (name === "resnet50") target("resnet50 step", rates.roentgen ?? NaN);
  }
  if (device.gpu?.features.has("timestamp-query")) {
    const timings = await device.profile(step.plan, { repeats: 3 });
    const byKernel = new Map<string, number>();
    for (const { kernel, timeMs } of timings.dispatches) byKernel.set(kernel, (byKernel.get(kernel) ?? 0) + timeMs);
    for (const [kernel, timeMs] of [...byKernel].sort((a, c) => c[1] - a[1]).slice(0, 8)) note(`${what}: ${((100 * timeMs) / timings.totalMs).toFixed(0)} % in ${kernel}`, timeMs, "ms");
  }
  dispose();
}
