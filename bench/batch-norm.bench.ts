import { batchNormRelu, persistent, record, type Tensor } from "@roentgen/tensor";
import { bench } from "./harness.ts";
import { noise } from "./noise.ts";

/** Channels and side at 224 pixels: the widest output of a bottleneck, and the stem. */
const shapes = [[256, 56], [64, 112]] as const;
const batch = 4;
const units = 4;
/**
 * Times the activation crosses memory at least: statistics read it, normalising reads and writes it; backward reads it twice,
 * its gradient twice, and writes one. Whatever else moves (masks, partial sums) counts as slowness.
 */
const passes = 8;

await bench("batch-norm", "how near to the speed of a copy are batch norm + ReLU, forward and backward in training?", async ({ device, measure, note, torch, print }) => {
  const { gpu } = device;
  if (!gpu) throw new Error("internal: a benchmark runs on a GPU.");
  const peer = await torch("batch-norm", { batch, size: 224 });
  for (const [channels, side] of shapes) {
    const name = `${side}x${side}x${channels}`;
    const shape = [batch, side, side, channels];
    const [x, dy, weight, bias] = [noise(device, shape), noise(device, shape), noise(device, [channels]), noise(device, [channels])];
    const state = (label: string, size: number): Tensor => persistent(device, [size], label);
    const running = { mean: state("mean", channels), variance: state("variance", channels), count: state("count", 1) };
    for (const tensor of [x, weight, bias]) tensor.trainable = true;
    const bytes = 4 * x.size;

    const copy = await measure({
      name: `the driver's copy, ${batch}x${name}`, units, bytes: 2 * bytes,
      async run() {
        const encoder = gpu.createCommandEncoder();
        for (let i = 0; i < units; i++) encoder.copyBufferToBuffer(x.buffer.memory.gpu, 0, dy.buffer.memory.gpu, 0, bytes);
        gpu.queue.submit([encoder.finish()]);
        await device.idle();
      },
    });

    const normed = record(device, "batch norm", () => Array.from({ length: units }, () => {
      const y = batchNormRelu(x, weight, bias, null, { running, train: true });
      return (y.node?.gradients ?? []).map((gradientOf) => gradientOf?.(dy));
    }).at(-1), []);
    const both = await measure({
      name: `forward + backward ${batch}x${name}`, units, bytes: passes * bytes,
      async run() {
        normed.run();
        await device.idle();
      },
    });
    normed.dispose();
    note(`${name}: share of the copy's bandwidth`, (both.gigabytesPerSecond ?? NaN) / (copy.gigabytesPerSecond ?? NaN), "");
    if (peer) note(`${name}: PyTorch, forward + backward`, peer[name] ?? NaN, "ms");
    for (const made of [x, dy, weight, bias, ...Object.values(running)]) made.dispose();
    device.trim();
    print("");
  }
});
