import type { Device } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { record, spec } from "../record.ts";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { conv2dCase, type Conv2dShape } from "./conv2d.cases.ts";
import { lanes, lanesImages } from "./conv2d-lanes.ts";
import type { Convolution } from "./convolution.ts";
import { windowOf } from "./window.ts";

/** All operands have rows of a length that images can have. */
const shapes: readonly Conv2dShape[] = [
  { x: [2, 8, 8, 16], filter: [32, 3, 3], options: { padding: 1 }, bias: true },
  { x: [1, 8, 16, 64], filter: [48, 1, 1] },
  { x: [1, 4, 4, 64], filter: [64, 3, 3], options: { padding: 1 } },
  { x: [3, 4, 4, 64], filter: [16, 1, 1], bias: true },
  { x: [16, 2, 2, 16], filter: [16, 3, 3], options: { padding: 1 }, bias: true },
  { x: [2, 16, 16, 16], filter: [32, 3, 3], options: { padding: 1, stride: 2 } },
  { x: [2, 8, 8, 64], filter: [64, 1, 1], options: { stride: 2 } },
];

checkOp("conv2d by lanes that read images", shapes.map((shape) => conv2dCase({ ...shape, by: lanesImages })));

const of = (batch: number, size: number, c: number, k: number): Convolution =>
  ({ batch, input: [size, size], c, k, groups: 1, window: windowOf("test", [size, size], [3, 3], { padding: 1 }) });
const some = (device: Device, shape: readonly number[], seed: number): Tensor =>
  tensor(device, Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(seed * i)), shape);
const bits = async (x: Tensor) => new Uint32Array(await x.device.read(x.buffer));

withDevice("lanes that read images", (device) => {
  it("give the bits of lanes that read buffers, eagerly, through textures that grow", async () => {
    for (const [batch, size, c, k] of [[1, 8, 16, 32], [4, 16, 32, 64], [1, 8, 16, 32], [3, 4, 32, 32]] as const) {
      if (batch === 3) device().trim(); // the textures, too
      const shape = of(batch, size, c, k);
      const [x, w, dy] = [some(device(), [batch, size, size, c], 3), some(device(), [k, 3, 3, c], 5), some(device(), [batch, size, size, k], 7)];
      expect(await bits(lanesImages.forward(shape, x, w, null))).toEqual(await bits(lanes.forward(shape, x, w, null)));
      expect(await bits(lanesImages.backwardX(shape, dy, w, null))).toEqual(await bits(lanes.backwardX(shape, dy, w, null)));
      expect(await bits(lanesImages.backwardWeight(shape, x, dy))).toEqual(await bits(lanes.backwardWeight(shape, x, dy)));
    }
  });

  it("do in a plan, run after run and profiled, and the plan gives its textures back", async () => {
    const shape = of(2, 8, 32, 32);
    const w = some(device(), [32, 3, 3, 32], 5);
    const gradients = (family: typeof lanes, x: Tensor) => {
      const y = family.forward(shape, x, w, null);
      return [family.backwardX(shape, y, w, null), family.backwardWeight(shape, x, y)] as const;
    };
    const step = record(device(), "images", (x) => gradients(lanesImages, x), [spec("f32", [2, 8, 8, 32])]);
    const { plan } = step;
    const images = plan.dispatches.map((_, i) => plan.copiedBefore(i) > 0);
    expect(images).toContain(true);
    const held = device().heldBytes;
    await step.build();
    const built = device().heldBytes - held;
    for (const seed of [3, 5]) {
      const x = some(device(), [2, 8, 8, 32], seed);
      const want = await Promise.all(gradients(lanes, x).map(bits));
      const input = await x.floats();
      expect(await Promise.all(step.run(input).map(bits))).toEqual(want);
      const { dispatches } = await device().profile(plan, { inputs: [input], repeats: 2, leastRowMs: 1 });
      expect(dispatches.every(({ timeMs }) => timeMs > 0)).toBe(true);
      expect(await Promise.all(plan.result.map(bits))).toEqual(want);
    }
    const before = device().heldBytes;
    step.dispose();
    expect(before - device().heldBytes).toBe(built);
    expect(plan.bytes).toBeGreaterThan(built); // parameters too
  });
});
