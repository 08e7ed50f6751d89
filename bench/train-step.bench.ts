import { bench, type Bench } from "./harness.ts";
import { training, type Workload } from "./training.ts";

/** With the share of PyTorch's images per second that a software driver must reach; none is stated for the U-Net. */
const workloads: readonly (Workload & { readonly floor?: number })[] = [
  { name: "resnet50", batch: 4, size: 64, floor: 0.25 },
  { name: "unet", batch: 2, size: 128 },
];

await bench("train-step", "how many images per second does a whole training step take in, against PyTorch on the same cores?", async (b) => {
  for (const workload of workloads) await compare(b, workload);
});

async function compare({ device, rounds, measure, note, floor: state, torch, print }: Bench, { floor, ...workload }: Workload & { readonly floor?: number }): Promise<void> {
  const { name, batch, size } = workload;
  const what = `${name}, batch ${batch}, ${size} pixels`;
  const ours: number[] = [];
  const theirs: number[] = [];
  const { step, data, dispose } = training(device, workload);
  await step.build();
  print(`${what}: ${step.plan.dispatches.length} dispatches, ${step.plan.pipelineCount} pipelines, ${(step.plan.bytes / 2 ** 20).toFixed(0)} MiB beside the parameters`);
  const flops = step.plan.dispatches.reduce((sum, d) => sum + d.flops, 0);
  for (let round = 1; round <= rounds; round++) {
    const result = await measure({
      name: `${what}, round ${round}`, flops,
      async run() {
        step.run(...data);
        await device.idle();
      },
    });
    ours.push((1e3 * batch) / result.medianMs);
    const peer = await torch(name, { batch, size });
    if (!peer) continue;
    theirs.push(peer.imagesPerSecond ?? NaN);
    note(`PyTorch, round ${round}`, peer.ms ?? NaN, "ms");
  }
  // The best round of each: what else runs on the machine only ever slows, PyTorch's two threads most of all.
  const best = Math.max(...ours);
  note(`${name}: best round`, best, "images/s");
  if (theirs.length > 0) {
    const share = best / Math.max(...theirs);
    note(`${name}: PyTorch's best round`, Math.max(...theirs), "images/s");
    if (floor === undefined) note(`${name}: share of PyTorch's images/s`, share, "");
    else state(`${name}: share of PyTorch's images/s`, share, floor, "");
  }
  if (device.gpu?.features.has("timestamp-query")) {
    const timings = await device.profile(step.plan, { repeats: 3 });
    const byKernel = new Map<string, number>();
    for (const { kernel, timeMs } of timings.dispatches) byKernel.set(kernel, (byKernel.get(kernel) ?? 0) + timeMs);
    for (const [kernel, timeMs] of [...byKernel].sort((a, b) => b[1] - a[1]).slice(0, 8)) note(`${name}: ${((100 * timeMs) / timings.totalMs).toFixed(0)} % in ${kernel}`, timeMs, "ms");
  }
  dispose();
}
