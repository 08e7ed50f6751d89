import { cast, matmul, record, tensor } from "@roentgen/tensor";
import { bench, bestMs, cpuOf, gflopByCpu, valuesOf } from "./harness.ts";
import { probeError, probeOf, values } from "./peers/values.ts";
import { repeatsFor } from "./sampling.ts";

await bench("matmul", "how fast is a square matrix product, packing included?", async ({ device, measure, compare, figure, note, target }) => {
  for (const n of device.info.software ? [512, 1024] : [1024, 4096]) {
    const flops = 2 * n ** 3;
    const units = repeatsFor(flops, device.info);
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
    figure({ name: `matrix product ${n}`, unit: "GFLOP/s", better: "more", values: valuesOf(compared, (r) => r.gflopPerSecond ?? NaN), cpuMs: cpuOf(compared) });
    if (n !== 512) target(n === 1024 ? "matrix product 1024" : "matrix product 4096", compared.roentgen.gflopPerSecond ?? NaN, gflopByCpu(compared.roentgen, flops));
    if (n === 1024) {
      // Half the bytes in memory, sums in float32. No peer stores so.
      const halves = [a, b].map((of) => device.scope(() => cast(of, "f16")));
      const [p, q] = halves;
      if (!p || !q) throw new Error("internal: two operands make two.");
      const half = record(device, `matmul ${n}, f16`, () => Array.from({ length: units }, () => matmul(p, q)).at(-1), []);
      const result = await measure({
        name: `${n} x ${n} x ${n}, f16 storage`, units, flops, bytes: 6 * n ** 2,
        async run() {
          half.run();
          await device.idle();
        },
      });
      note(`matrix product ${n}, f16 storage: difference to float32, of the largest value`, probeError(probeOf((await step.run()?.floats()) ?? []), probeOf((await half.run()?.floats()) ?? [])), "");
      figure({ name: `matrix product ${n}, f16 storage`, unit: "GFLOP/s", better: "more", values: { roentgen: flops / bestMs(result) / 1e6 } });
      target("matrix product 1024, f16 storage", flops / bestMs(result) / 1e6, gflopByCpu(result, flops));
      half.dispose();
      for (const of of halves) of.dispose();
    }
    step.dispose();
    a.dispose();
    b.dispose();
  }
});
