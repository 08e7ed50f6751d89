import { bench, bestMs, cpuOf, valuesOf } from "./harness.ts";
import { probeOf } from "./peers/values.ts";
import { inference } from "./training.ts";

await bench("infer", "how long does a forward pass of ResNet-50 take, in evaluation mode?", async ({ device, compare, figure }) => {
  const [batch, units] = device.info.software ? [1, 1] : [64, 8];
  const size = 224;
  const { step, dispose } = inference(device, { name: "resnet50", batch, size });
  await step.build();
  const compared = await compare({
    name: `resnet50, batch ${batch}, ${size} pixels, forward`, units, flops: step.plan.dispatches.reduce((sum, d) => sum + d.flops, 0),
    // Over fifty layers in other orders of summation.
    work: { kind: "infer", model: "resnet50", batch, size }, tolerance: 1e-3,
    async run() {
      for (let i = 0; i < units; i++) step.run();
      await device.idle();
    },
    probe: async () => probeOf(await step.run().floats()),
  });
  figure({ name: `resnet50, batch ${batch}, ${size} pixels, forward`, unit: "ms", better: "less", values: valuesOf(compared, bestMs), cpuMs: cpuOf(compared) });
  dispose();
});
