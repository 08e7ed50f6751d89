import { record, relu, spec, tensor } from "@roentgen/tensor";
import { bench } from "./harness.ts";
import { training } from "./training.ts";

const dispatches = 1000;

await bench("replay", "how much of the main thread does a dispatch cost, eager and replayed?", async ({ device, measure, note, figure, target, print }) => {
  const perDispatch = (ms: number, count: number) => (1e3 * ms) / count;
  const timed = async (work: () => void): Promise<number> => {
    const start = performance.now();
    work();
    const ms = performance.now() - start;
    await device.idle();
    return ms;
  };

  /** Everything between calling `run` and its return. */
  const cost = (name: string, goal: "replay of tiny dispatches" | "replay of a ResNet-50 step", microseconds: number) => {
    figure({ name, unit: "microseconds", better: "less", values: { roentgen: microseconds } });
    target(goal, microseconds);
  };

  // A chain of tiny kernels: the GPU's own work is next to nothing, so what is left is ours, Dawn's and the driver's encoding.
  const values = Float32Array.from({ length: 64 }, (_, i) => i);
  const x = tensor(device, values);
  const chain = (input: typeof x) => {
    let y = input;
    for (let i = 0; i < dispatches; i++) y = relu(y);
    return y;
  };
  const eager = await measure({ name: `${dispatches} tiny dispatches, eager`, run: () => timed(() => void device.scope(() => {
    chain(x);
    device.flush();
  })) });
  const step = record(device, "chain", chain, [spec("f32", [64])]);
  const replay = await measure({ name: `${dispatches} tiny dispatches, replayed`, run: () => timed(() => void step.run(values)) });
  step.dispose();
  note("eager", perDispatch(eager.medianMs, dispatches), "microseconds a dispatch");
  cost("JavaScript of a replayed dispatch, tiny kernels", "replay of tiny dispatches", perDispatch(replay.medianMs, dispatches));

  const resnet = training(device, { name: "resnet50", batch: 4, size: 64 });
  await resnet.step.build();
  const count = resnet.step.plan.dispatches.length;
  print(`ResNet-50 training step, batch 4, 64 pixels: ${count} dispatches`);
  const whole = await measure({ name: "ResNet-50 step, run() until it returns", run: () => timed(() => void resnet.step.run(...resnet.data)) });
  cost("JavaScript of a replayed dispatch, ResNet-50 step", "replay of a ResNet-50 step", perDispatch(whole.medianMs, count));
  resnet.dispose();
});
