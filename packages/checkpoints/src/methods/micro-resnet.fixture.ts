import { hostTensor, type HostTensor, sizeOf } from "@roentgen/core";
import { expect } from "vitest";
import { canonicalShapes } from "./architecture.ts";

/** For tests: what fixtures/micro_resnet.py makes. Element p of tensor i, counted without `num_batches_tracked`, is i + p / 4096. */
export function microResnet(classes = 10): Map<string, HostTensor<"f32">> {
  const shapes = [...canonicalShapes({ name: "resnet50", blocks: [3, 4, 6, 3], bottleneck: true }, 4)].filter(([name]) => !name.endsWith("num_batches_tracked"));
  shapes.push(["fc.weight", [classes, 128]], ["fc.bias", [classes]]);
  return new Map(shapes.map(([name, shape], i) => [name, hostTensor("f32", shape, Float32Array.from({ length: sizeOf(shape) }, (_, p) => i + 1 + p / 4096))]));
}

/** That a state dict is that network bit for bit, with 53 counts of 0. */
export function expectMicroResnet(tensors: ReadonlyMap<string, HostTensor>, { head = true } = {}): void {
  const wanted = microResnet();
  let counts = 0;
  for (const [name, tensor] of tensors) {
    if (name.endsWith("num_batches_tracked")) {
      expect(tensor, name).toEqual(hostTensor("i64", []));
      counts++;
    } else {
      expect(tensor.shape, name).toEqual(wanted.get(name)?.shape);
      const [a, b] = [tensor.data as Float32Array, wanted.get(name)!.data];
      expect(a.findIndex((value, i) => !Object.is(value, b[i])), name).toBe(-1);
    }
  }
  expect([counts, tensors.size]).toEqual([53, head ? 320 : 318]);
}
