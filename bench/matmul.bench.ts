import { matmul, record, tensor } from "@roentgen/tensor";
import { bench, valuesOf } from "./harness.ts";
import { probeOf, values } from "./peers/values.ts";
import { repeatsFor } from "./sampling.ts";

await bench("matmul", "how fast is a square matrix product in float32, packing included?", async ({ device, compare, figure, target }) => {
  for (const n of device.info.software ? [512, 1024] : [1024, 4096]) {
    const flops = 2 * n ** 3;
    const units = repeatsFor(flops);
    const [a, b] = [tensor(device, values("a", [n, n]), [n, n]), tensor(device, values("b", [n, n]), [n, n])];
    const step = record(device, `matmul ${n}`, () => Array.from({ length: units }, () => matmul(a, b)).at(-1), []);
    const compared = await compare({
      name: `${n} x ${n} x ${n}`, units, flops, bytes: 12 * n ** 2, work: { kind: "matmul", n }, tolerance: 1e-4,
      async run() {
        step.run();
        await device.idle();
      },
      async probe() {
        return probeOf((await step.run()?.floats()) ?? []);
      },
    });
    figure({ name: `matrix product ${n}`, unit: "GFLOP/s", better: "more", values: valuesOf(compared, (r) => r.gflopPerSecond ?? NaN) });
    if (n !== 512) target(n === 1024 ? "matrix product 1024" : "matrix product 4096", compared.roentgen.gflopPerSecond ?? NaN);
    step.dispose();
    a.dispose();
    b.dispose();
  }
});
