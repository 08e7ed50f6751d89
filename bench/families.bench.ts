import type { Device } from "@roentgen/gpu";
import { collectTasks, conv2d, matmul, type OpenTask, record, spec, tensor } from "@roentgen/tensor";
import { bench } from "./harness.ts";
import { values } from "./peers/values.ts";
import { type ConvShape, resnet50Shapes } from "./resnet-shapes.ts";
import { geometricMean, repeatsFor } from "./sampling.ts";

/** The three directions of a convolution, as the tasks that recording them meets. */
function convolutionTasks(device: Device, { name, batch, side, inputs, outputs, kernel, stride, padding, result }: ConvShape): OpenTask[] {
  const specs = [spec("f32", [batch, side, side, inputs]), spec("f32", [outputs, kernel, kernel, inputs]), spec("f32", [batch, result, result, outputs])];
  return collectTasks(device, () => record(device, name, (x, weight, dy) => {
    x.trainable = weight.trainable = true;
    const y = conv2d(x, weight, null, { stride, padding });
    return [y, ...(y.node?.gradients ?? []).map((gradient) => gradient?.(dy))];
  }, specs).dispose());
}

const productTasks = (device: Device, n: number): OpenTask[] =>
  collectTasks(device, () => record(device, `matmul ${n}`, (a, b) => matmul(a, b), [spec("f32", [n, n]), spec("f32", [n, n])]).dispose());

await bench("families", "which kernels compute ResNet-50's convolutions and square products fastest, and does prediction know?", async ({ device, measure, note, print }) => {
  const { software } = device.info;
  const shapes = software ? resnet50Shapes(4, 64).filter((_, i) => i % 5 === 2) : resnet50Shapes(32, 224);
  const work: readonly { readonly flops: number; readonly tasks: readonly OpenTask[] }[] = [
    ...(software ? [512] : [1024, 2048, 4096]).map((n) => ({ flops: 2 * n ** 3, tasks: productTasks(device, n) })),
    ...shapes.map((shape) => ({ flops: shape.flops, tasks: convolutionTasks(device, shape) })),
  ];
  const lost: number[] = [];
  for (const { flops, tasks } of work) {
    for (const { key, inputs, ways } of tasks) {
      print(key);
      const made = inputs.map(({ shape }, i) => tensor(device, values(`${i}`, shape), shape));
      const units = repeatsFor(flops, device.info);
      const times: number[] = [];
      for (const { name, compute } of ways) {
        const step = record(device, `${name} ${key}`, () => Array.from({ length: units }, () => compute(...made)).at(-1), []);
        const { medianMs } = await measure({
          name, units, flops,
          async run() {
            step.run();
            await device.idle();
          },
        });
        times.push(medianMs);
        step.dispose();
      }
      for (const input of made) input.dispose();
      device.trim();
      lost.push((times[0] ?? NaN) / Math.min(...times));
      print(`  predicted ${ways[0]?.name}, fastest ${ways[times.indexOf(Math.min(...times))]?.name}`);
    }
  }
  note("prediction against the fastest family, geometric mean", geometricMean(lost), "times");
  note("prediction against the fastest family, worst", Math.max(...lost), "times");
});
