import { measureCeilings } from "@roentgen/gpu";
import { batchNormRelu, persistent, record, tensor, type Tensor } from "@roentgen/tensor";
import { bench, bestMs, cpuOf, valuesOf } from "./harness.ts";
import { probeOf, values } from "./peers/values.ts";
import { geometricMean } from "./sampling.ts";

/** Channels and side at 224 pixels: the widest output of a bottleneck, and the stem. */
const shapes = [[256, 56], [64, 112]] as const;
/**
 * Times the activation crosses memory at least: statistics read it, normalising reads and writes it; backward reads it twice,
 * its gradient twice, and writes one. Whatever else moves (masks, partial sums) counts as slowness.
 */
const passes = 8;

await bench("batch-norm", "how near to the speed of a copy are batch norm + ReLU, forward and backward in training?", async ({ device, peers, measure, compare, note, figure, target, print }) => {
  const { gpu } = device;
  if (!gpu) throw new Error("internal: a benchmark runs on a GPU.");
  const { software } = device.info;
  const [batch, units] = software ? [4, 4] : [64, 16];
  const shares: number[] = [];
  // What a kernel that only copies reaches, at best of several sizes: where the driver's copy is memcpy, no kernel comes near that.
  const { cachedGigabytesPerSecond } = await measureCeilings(device);
  for (const [channels, side] of shapes) {
    const name = `${side}x${side}x${channels}`;
    const shape = [batch, side, side, channels];
    const made = (what: string, of: readonly number[]) => tensor(device, values(what, of), of);
    const [x, dy, weight, bias] = [made("x", shape), made("dy", shape), made("weight", [channels]), made("bias", [channels])];
    const copied = made("dy", shape);
    const state = (label: string, size: number): Tensor => persistent(device, [size], label);
    const running = { mean: state("mean", channels), variance: state("variance", channels), count: state("count", 1) };
    for (const tensor of [x, weight, bias]) tensor.trainable = true;
    const bytes = 4 * x.size;

    const copy = await measure({
      name: `the driver's copy, ${batch}x${name}`, units, bytes: 2 * bytes,
      async run() {
        const encoder = gpu.createCommandEncoder();
        for (let i = 0; i < units; i++) encoder.copyBufferToBuffer(x.buffer.memory.gpu, 0, copied.buffer.memory.gpu, 0, bytes);
        gpu.queue.submit([encoder.finish()]);
        await device.idle();
      },
    });

    // All gradients, of which x's is returned.
    const normed = record(device, "batch norm", () => Array.from({ length: units }, () => {
      const y = batchNormRelu(x, weight, bias, null, { running, train: true });
      return (y.node?.gradients ?? []).map((gradientOf) => gradientOf?.(dy));
    }).at(-1)?.[0], []);
    const both = await compare({
      name: `forward + backward ${batch}x${name}`, units, bytes: passes * bytes, work: { kind: "batch-norm", batch, side, channels }, tolerance: 1e-4, among: peers.filter((peer) => peer !== "ort"),
      async run() {
        normed.run();
        await device.idle();
      },
      async probe() {
        return probeOf((await normed.run()?.floats()) ?? []);
      },
    });
    normed.dispose();
    shares.push((both.roentgen.gigabytesPerSecond ?? NaN) / (copy.gigabytesPerSecond ?? NaN));
    note(`${name}: share of the copy's bandwidth`, shares.at(-1) ?? NaN, "");
    note(`${name}: share of a copying kernel's bandwidth`, (both.roentgen.gigabytesPerSecond ?? NaN) / cachedGigabytesPerSecond, "");
    figure({ name: `batch norm + ReLU, both ways, ${batch}x${name}`, unit: "ms", better: "less", values: valuesOf(both, bestMs), cpuMs: cpuOf(both) });
    for (const tensor of [x, dy, weight, bias, copied, ...Object.values(running)]) tensor.dispose();
    device.trim();
    print("");
  }
  target("batch norm + ReLU, share of the copy", geometricMean(shares));
});
