import type { Profile } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { groupBy, layerOf } from "../profile-groups.ts";
import { formatProfile } from "./profile.ts";

it("prints dispatches, kernels and layers, slowest first, and how many were left out", () => {
  const dispatch = (label: string, timeMs: number, flops: number) => {
    const kernel = label.split(" ").at(-1) ?? "";
    return { label, kernel, grid: [4, 2, 1] as const, startMs: 0, timeMs, leastMs: timeMs, mostMs: timeMs, encodeStartMs: 0, encodeMs: 0, inARow: 1, requires: [], flops, bytes: 2e6, mostBytes: 2e6, gflopPerSecond: flops / timeMs / 1e6, gigabytesPerSecond: 2 / timeMs };
  };
  const dispatches = [dispatch("conv1 conv2d conv2d.forward", 6, 9e6), dispatch("bn1 batchNorm batch-norm.normalise", 2, 0), dispatch("conv1 conv2d grad conv2d.backward_weight", 12, 9e6)];
  const rest = { method: "pass", quantumNs: 1, runs: 5, plain: { encodeMs: 1, submitMs: 1, wallMs: 25 }, memory: { slots: [], tenants: [], persistent: [], bytes: 0, peakLiveBytes: 0 } } as const;
  const measured: Profile = { plan: "train", repeats: 5, dispatches, totalMs: 20, ...rest };
  const groups = { kernels: groupBy(measured, (d) => d.kernel), layers: groupBy(measured, layerOf) };
  expect(formatProfile(measured, groups, { title: "resnet18", top: 2, images: 4 })).toMatchInlineSnapshot(`
    "resnet18
    3 dispatches, 20.000 ms on the device, 200.0 images/s without gaps

    By dispatch (2 of 3, slowest first)
    dispatch                                  grid       ms   share  GFLOP/s  GB/s
    ----------------------------------------  -----  ------  ------  -------  ----
    conv1 conv2d grad conv2d.backward_weight  4x2x1  12.000  60.0 %      0.8   0.2
    conv1 conv2d conv2d.forward               4x2x1   6.000  30.0 %      1.5   0.3

    By kernel
    kernel                  dispatches      ms   share  GFLOP/s  GB/s
    ----------------------  ----------  ------  ------  -------  ----
    conv2d.backward_weight           1  12.000  60.0 %      0.8   0.2
    conv2d.forward                   1   6.000  30.0 %      1.5   0.3
    batch-norm.normalise             1   2.000  10.0 %            1.0

    By layer (2 of 3, slowest first)
    layer       dispatches      ms   share  GFLOP/s  GB/s
    ----------  ----------  ------  ------  -------  ----
    conv1 grad           1  12.000  60.0 %      0.8   0.2
    conv1                1   6.000  30.0 %      1.5   0.3"
  `);
});
