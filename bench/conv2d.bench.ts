import type { Device } from "@roentgen/gpu";
import { conv2d, record, tensor } from "@roentgen/tensor";
import { bench, type Comparison, cpuOf } from "./harness.ts";
import type { ConvWork } from "./peers/protocol.ts";
import { probeOf, values } from "./peers/values.ts";
import { type ConvShape, resnet50Shapes } from "./resnet-shapes.ts";
import { geometricMean, repeatsFor } from "./sampling.ts";
import type { TargetName } from "./targets.ts";

const directions = ["forward", "dgrad", "wgrad"] as const;
type Direction = (typeof directions)[number];

/** One direction of one shape: the op with all it launches (packing, partial sums), several times in a recorded plan. */
function caseOf(device: Device, direction: Direction, shape: ConvShape): Comparison & { dispose(): void } {
  const { name, batch, side, inputs, outputs, kernel, stride, padding, result, flops } = shape;
  const made = (what: string, of: readonly number[]) => tensor(device, values(what, of), of);
  const x = made("x", [batch, side, side, inputs]);
  const weight = made("w", [outputs, kernel, kernel, inputs]);
  const dy = made("dy", [batch, result, result, outputs]);
  x.trainable = weight.trainable = true;
  const forward = () => conv2d(x, weight, null, { stride, padding });
  // The gradient functions of an eager forward pass: recorded, they launch one direction and nothing else.
  const y = device.scope(forward);
  const [dx, dweight] = y.node?.gradients ?? [];
  const units = repeatsFor(flops, device.info);
  const once = { forward, dgrad: () => dx?.(dy), wgrad: () => dweight?.(dy) }[direction];
  const step = record(device, name, () => Array.from({ length: units }, once).at(-1), []);
  const work: ConvWork = { kind: "conv", direction, batch, side, inputs, outputs, kernel, stride, padding, result };
  return {
    name: `${direction} ${name}`, units, flops, work, tolerance: 1e-4,
    async run() {
      step.run();
      await device.idle();
    },
    async probe() {
      const out = step.run();
      if (!out) throw new Error("internal: a direction without a result.");
      return probeOf(await out.floats());
    },
    dispose() {
      step.dispose();
      for (const tensor of [x, weight, dy, y]) tensor.dispose();
    },
  };
}

await bench("conv2d", "how fast are the convolutions of ResNet-50, in each direction?", async ({ device, peers, compare, figure, target, print }) => {
  // What keeps two cores busy says nothing of a GPU.
  const [batch, size] = device.info.software ? [4, 64] : [64, 224];
  /** GFLOP/s by direction and engine, of every shape that the engine did. */
  const reached = new Map<Direction, { shape: ConvShape; rates: Record<string, number>; cpu: Record<string, number> }[]>(directions.map((direction) => [direction, []]));
  for (const shape of resnet50Shapes(batch, size)) {
    for (const direction of directions) {
      const test = caseOf(device, direction, shape);
      // ONNX Runtime has no gradients.
      const compared = await compare({ ...test, among: peers.filter((peer) => peer !== "ort" || direction === "forward") });
      reached.get(direction)?.push({ shape, rates: Object.fromEntries(Object.entries(compared).map(([engine, { gflopPerSecond = NaN }]) => [engine, gflopPerSecond])), cpu: cpuOf(compared) });
      test.dispose();
      device.trim();
    }
  }
  print(`geometric means over the shapes at batch ${batch}, ${size} pixels`);
  for (const direction of directions) {
    const rows = reached.get(direction) ?? [];
    for (const [some, name, goal] of [
      [rows, `convolution ${direction}, ResNet-50's shapes`, `convolution ${direction}`],
      [rows.filter(({ shape }) => shape.kernel === 3 && shape.stride === 1), `convolution ${direction}, 3x3 stride 1`, `3x3 stride 1 ${direction}`],
    ] as const) {
      const values = means(some.map(({ rates }) => rates));
      const cpuMs = means(some.map(({ cpu }) => cpu));
      figure({ name, unit: "GFLOP/s", better: "more", values, cpuMs });
      target(goal, values.roentgen ?? NaN, geometricMean(some.map(({ shape }) => shape.flops)) / ((cpuMs.roentgen ?? NaN) / 2) / 1e6);
      if (some === rows && values.tfjs !== undefined) target(`convolution ${direction} against tfjs` satisfies TargetName, (values.roentgen ?? NaN) / values.tfjs, (cpuMs.tfjs ?? NaN) / (cpuMs.roentgen ?? NaN));
    }
  }
});

/** Geometric means by engine; an engine that left out a shape has none. */
function means(rows: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const engines = Object.keys(rows[0] ?? {}).filter((engine) => rows.every((row) => engine in row));
  return Object.fromEntries(engines.map((engine) => [engine, geometricMean(rows.map((row) => row[engine] ?? NaN))]));
}
