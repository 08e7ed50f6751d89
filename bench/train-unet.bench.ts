import { bench } from "./harness.ts";
import { train } from "./train-comparison.ts";

await bench("train-unet", "how many images per second does a training step of a U-Net on ResNet-50 take in, on each engine?", async (b) => {
  await train(b, { name: "unet", ...(b.device.info.software ? { batch: 2, size: 128 } : { batch: 16, size: 224 }), judged: true });
});
