import { bench } from "./harness.ts";
import { type Goal, train } from "./train-comparison.ts";

/** Of what two cores can do in some minutes, tfjs too; and of what keeps a GPU busy. */
const workloads = {
  software: [{ name: "resnet50", batch: 4, size: 64, judged: false }, { name: "resnet50", batch: 8, size: 64, judged: true }],
  gpu: [{ name: "resnet50", batch: 64, size: 224, judged: true }],
} as const satisfies Readonly<Record<string, readonly Goal[]>>;

await bench("train-step", "how many images per second does a training step of ResNet-50 take in, on each engine?", async (b) => {
  for (const workload of workloads[b.device.info.software ? "software" : "gpu"]) await train(b, workload);
});
