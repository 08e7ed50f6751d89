import { matmul, record } from "@roentgen/tensor";
import { bench, repeatsFor } from "./harness.ts";
import { noise } from "./noise.ts";

await bench("matmul", "how fast is a square matrix product in float32, packing included?", async ({ device, measure, note, torch }) => {
  const peer = await torch("matmul");
  for (const n of [512, 1024]) {
    const flops = 2 * n ** 3;
    const units = repeatsFor(flops);
    const [a, b] = [noise(device, [n, n]), noise(device, [n, n])];
    const step = record(device, `matmul ${n}`, () => Array.from({ length: units }, () => matmul(a, b)).at(-1), []);
    await measure({
      name: `${n} x ${n} x ${n}`, units, flops, bytes: 12 * n ** 2,
      async run() {
        step.run();
        await device.idle();
      },
    });
    if (peer) note(`PyTorch ${n}`, peer[n] ?? NaN, "GFLOP/s");
    step.dispose();
    a.dispose();
    b.dispose();
  }
});
