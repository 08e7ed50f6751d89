import { accumulateScalar as accumulate, fill, type Kernel, optimizer } from "@roentgen/kernels";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { create, globals } from "webgpu";
import type { Buffer } from "./buffer.ts";
import { measureCeilings } from "./ceilings.ts";
import { type Device, nullDevice } from "./device.ts";
import { flatGrid } from "./dispatch.ts";
import { openDevice } from "./node.ts";
import { describe as describeAdapter, openOn } from "./open.ts";
import { Plan } from "./plan.ts";
import type { TimingMethod } from "./timing.ts";

const present = await openDevice().then((d) => (d.close(), true), (error: unknown) => {
  if (process.env.ROENTGEN_REQUIRE_GPU === "1") throw error;
  return false;
});

const n = 1000;
const input = Float32Array.from({ length: n }, (_, i) => i / 7);
/** Adds one to the first word of `counter`, in place; what else it binds and wants is zero. */
const advance: Kernel = optimizer.advance;

/** y = x + 1, and a step counted in persistent memory. The input's memory is used again by what comes after. */
function recordStep(device: Device): { plan: Plan<Buffer>; counter: Buffer } {
  const states = Object.fromEntries(advance.bindings.map(({ name }) => [name, device.allocPersistent(64, name)]));
  if (device.gpu) for (const state of Object.values(states)) device.zero(state);
  const { counter } = states;
  if (!counter) throw new Error("internal: the kernel counts nothing.");
  const x = device.input(4 * n, "x");
  const add = (a: Buffer) => {
    const [one, y] = [device.alloc(4 * n, "one"), device.alloc(4 * n, "sum")];
    device.dispatch(fill.forward, { y: one }, { n, value: 1 }, flatGrid(n, 64));
    device.dispatch(accumulate.forward, { a, b: one, y }, { n }, flatGrid(n, 64), { flops: n });
    return y;
  };
  const plan = new Plan(device, device.record("step", [x], () => {
    const y = add(add(x));
    device.dispatch(advance, states, Object.fromEntries(advance.params?.fields.map(({ name }) => [name, 0]) ?? []), [1, 1, 1], { bytes: 32 });
    return y;
  }));
  return { plan, counter };
}

it("needs a GPU", async () => {
  await expect(nullDevice().profile(recordStep(nullDevice()).plan)).rejects.toThrow("without a GPU");
});

describe.skipIf(!present)("a profile", () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device?.close());

  it.each<[TimingMethod, number, string]>([
    ["pass", 0, "one by one"],
    ["pass", 1, "in rows, as a coarse clock needs them"],
    ["wall", 0, "in rows"],
  ])("by %s (rows of %d ms), %s, leaves what as many plain runs leave, bit for bit", { timeout: 60_000 }, async (method, leastRowMs) => {
    const { plan, counter } = recordStep(device);
    const plain = new Uint8Array(await device.read(plan.run([input])));
    const timed = await device.profile(plan, { repeats: 2, method, leastRowMs, inputs: [input] });
    expect(timed.method).toBe(method);
    expect(new Uint8Array(await device.read(plan.result))).toEqual(plain);
    expect(new Float32Array(await device.read(counter))[0]).toBe(1 + timed.runs);
    // The host's clock cannot time a tiny dispatch alone: rows of it are timed, and undone.
    expect(timed.dispatches.every((d) => (method === "wall" || leastRowMs > 0 ? d.inARow > 1 : d.inARow === 1))).toBe(true);
    plan.dispose();
  });

  it("says of each dispatch what it took, computed and moved, and when", async () => {
    const { plan } = recordStep(device);
    const { dispatches, totalMs, plain, memory, quantumNs } = await device.profile(plan, { repeats: 3, inputs: [input] });
    expect(dispatches.map((d) => [d.kernel, d.flops, d.bytes, d.mostBytes])).toEqual([
      ["fill.forward", 0, 4000, 4000], ["accumulate.scalar.forward", 1000, 12_000, 12_000], ["fill.forward", 0, 4000, 4000], ["accumulate.scalar.forward", 1000, 12_000, 12_000], ["optimizer.advance", 0, 32, 32],
    ]);
    for (const [i, d] of dispatches.entries()) {
      expect(d.timeMs).toBeGreaterThan(0);
      expect(d.leastMs <= d.timeMs && d.timeMs <= d.mostMs).toBe(true);
      const next = dispatches[i + 1];
      if (next) expect(next.startMs).toBeGreaterThanOrEqual(d.startMs + d.timeMs);
      if (next) expect(next.encodeStartMs).toBeGreaterThanOrEqual(d.encodeStartMs + d.encodeMs);
    }
    expect(totalMs).toBeCloseTo(dispatches.reduce((sum, d) => sum + d.timeMs, 0), 9);
    expect(plain.wallMs).toBeGreaterThanOrEqual(plain.encodeMs + plain.submitMs);
    expect(quantumNs).toBeGreaterThan(0);
    expect(memory.persistent).toContainEqual({ label: "counter", bytes: 64 });
    expect(memory.tenants.filter((t) => t.first === -1).map((t) => t.label)).toEqual(["x"]);
    plan.dispose();
  });

  it("changes nothing about plain runs: one pass, one submit, no timestamps", async () => {
    const { plan } = recordStep(device);
    await device.profile(plan, { repeats: 1, inputs: [input] });
    const gpu = device.gpu as GPUDevice;
    const passes: (GPUComputePassDescriptor | undefined)[] = [];
    let submits = 0;
    const { createCommandEncoder } = gpu;
    const { submit } = gpu.queue;
    gpu.createCommandEncoder = (descriptor) => {
      const encoder = createCommandEncoder.call(gpu, descriptor);
      const { beginComputePass } = encoder;
      encoder.beginComputePass = (pass) => (passes.push(pass), beginComputePass.call(encoder, pass));
      encoder.resolveQuerySet = () => expect.unreachable("a plain run resolves no queries");
      return encoder;
    };
    gpu.queue.submit = (commands) => (submits++, submit.call(gpu.queue, commands));
    try {
      plan.run([input]);
    } finally {
      gpu.createCommandEncoder = createCommandEncoder;
      gpu.queue.submit = submit;
    }
    expect(passes.map((pass) => pass?.timestampWrites)).toEqual([undefined]);
    expect(submits).toBe(1);
    plan.dispose();
  });

  it("times rows where Dawn rounds its timestamps, as Chromium does by default", { timeout: 60_000 }, async () => {
    Object.assign(globalThis, globals);
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    if (!adapter) throw new Error("internal: the adapter of the other tests is gone.");
    const rounding = await openOn(adapter, describeAdapter(adapter, "node"), () => ({}));
    try {
      const { plan, counter } = recordStep(rounding);
      const plain = new Uint8Array(await rounding.read(plan.run([input])));
      const timed = await rounding.profile(plan, { repeats: 2, inputs: [input] });
      expect(timed.quantumNs).toBeGreaterThanOrEqual(65_536);
      for (const d of timed.dispatches) expect(d.leastMs * d.inARow * 1e6, d.label).toBeGreaterThan(5 * timed.quantumNs);
      expect(new Uint8Array(await rounding.read(plan.result))).toEqual(plain);
      expect(new Float32Array(await rounding.read(counter))[0]).toBe(1 + timed.runs);
    } finally {
      rounding.close();
      // Dawn's object must outlive its devices.
      await new Promise((resolve) => setTimeout(resolve, 0));
      expect(gpu).toBeDefined();
    }
  });

  it("has ceilings that can be believed, and gives their memory back", { timeout: 60_000 }, async () => {
    device.trim();
    const held = device.heldBytes;
    const ceilings = await measureCeilings(device);
    expect(device.heldBytes).toBe(held);
    expect(ceilings.gflopPerSecond).toBeGreaterThan(1);
    expect(ceilings.gigabytesPerSecond).toBeGreaterThan(0.2);
    expect(ceilings.cachedGigabytesPerSecond).toBeGreaterThanOrEqual(ceilings.gigabytesPerSecond);
    expect(ceilings.halfGflopPerSecond === null).toBe(!device.info.features.includes("shader-f16"));
    expect(ceilings.launchMs).toBeGreaterThan(0);
    expect(ceilings.samples.copy.map((s) => s.amount)).toEqual([...ceilings.samples.copy.map((s) => s.amount)].sort((a, b) => a - b));
  });
});
