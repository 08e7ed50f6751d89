import { readFile } from "node:fs/promises";
import { accumulateScalar as accumulate, fill, reluScalar as relu } from "@roentgen/kernels";
import type { Kernel } from "@roentgen/kernels";
import { afterEach, describe, expect, it } from "vitest";
import { Buffer } from "./buffer.ts";
import { type Device, nullDevice } from "./device.ts";
import { flatGrid } from "./dispatch.ts";
import { nativeToggles, openDevice } from "./node.ts";
import { firstNonFinite } from "./non-finite.ts";
import { Plan } from "./plan.ts";

const opened: Device[] = [];
// Some tests break rules on purpose: native mode, which the environment may ask for, would not notice.
const open = async (options: Parameters<typeof openDevice>[0] = {}): Promise<Device> => {
  const device = await openDevice({ native: false, ...options });
  opened.push(device);
  return device;
};
afterEach(() => {
  for (const device of opened.splice(0)) device.close();
});

const present = await openDevice().then((d) => (d.close(), true), (error: unknown) => {
  if (process.env.ROENTGEN_REQUIRE_GPU === "1") throw error;
  return false;
});

const n = 1000;
const addOne = (device: Device, x: Buffer): Buffer => {
  const one = device.alloc(4 * n, "one");
  device.dispatch(fill.forward, { y: one }, { n, value: 1 }, flatGrid(n, 64));
  const y = device.alloc(4 * n, "sum");
  device.dispatch(accumulate.forward, { a: x, b: one, y }, { n }, flatGrid(n, 64));
  return y;
};

const recordAddTwice = (device: Device) => {
  const x = device.input(4 * n, "x");
  return new Plan(device, device.record("add twice", [x], () => device.within("block", () => addOne(device, addOne(device, x)))));
};

describe("flatGrid", () => {
  it("folds into y past 65,535 groups and covers every item", () => {
    expect(flatGrid(1, 64)).toEqual([1, 1, 1]);
    expect(flatGrid(65_535 * 64, 64)).toEqual([65_535, 1, 1]);
    const [x, y] = flatGrid(65_535 * 64 + 1, 64);
    expect(x * y * 64).toBeGreaterThan(65_535 * 64);
    expect(Math.max(x, y)).toBeLessThanOrEqual(65_535);
  });
});

describe("the null device", () => {
  it("records and plans without a GPU", () => {
    const plan = recordAddTwice(nullDevice());
    expect(plan.dispatches.map((d) => d.label)).toEqual(["block fill.forward", "block accumulate.scalar.forward", "block fill.forward", "block accumulate.scalar.forward"]);
    expect(plan.bytes).toBe(3 * 4 * n + 4 * 256);
    expect(plan.toString()).toContain("4 dispatches, 3 slots");
  });

  it("says that it cannot run", () => {
    expect(() => recordAddTwice(nullDevice()).run([new Float32Array(n)])).toThrowErrorMatchingInlineSnapshot(`[PlanError: plan "add twice" was recorded on a device without a GPU: it cannot run.]`);
  });

  it("refuses a value while recording, and a second recording", async () => {
    const device = nullDevice();
    const x = device.input(4, "x");
    await expect(device.read(x)).rejects.toThrow("there is no value yet");
    expect(() => device.record("outer", [], () => device.record("inner", [], () => 0))).toThrow("already recording");
  });

  it("refuses a dispatch that reads and writes one buffer", () => {
    const device = nullDevice();
    const recording = device.record("alias", [], () => {
      const x = device.alloc(4, "x");
      device.dispatch(fill.forward, { y: x }, { n: 1, value: 0 }, [1, 1, 1]);
      device.dispatch(relu.forward, { x, y: x }, { n: 1 }, [1, 1, 1]);
      return x;
    });
    expect(() => new Plan(device, recording)).toThrow("reads and writes x in one dispatch");
  });
});

describe.skipIf(!present)("the device", () => {
  it("gives the same bits eagerly and replayed, and keeps a plan's outputs in place", async () => {
    const device = await open();
    const input = Float32Array.from({ length: n }, (_, i) => i / 7);
    const x = device.upload(input, "x");
    const eager = new Float32Array(await device.read(device.scope(() => addOne(device, addOne(device, x)))));
    const plan = recordAddTwice(device);
    const first = new Float32Array(await device.read(plan.run([input])));
    expect(first).toEqual(eager);
    const second = new Float32Array(await device.read(plan.run([input.map((v) => v + 1)])));
    expect(second[3]).toBe(Math.fround(Math.fround(Math.fround(Math.fround(3 / 7) + 1) + 1) + 1));
  });

  it("builds a plan once, however often it is asked to at a time, and not one that was disposed of meanwhile", async () => {
    const device = await open();
    const held = device.heldBytes;
    const plan = recordAddTwice(device);
    await Promise.all([plan.build(), plan.build()]);
    const once = device.heldBytes - held;
    expect(once).toBe(3 * 4 * n);
    const other = recordAddTwice(device);
    const building = other.build();
    other.dispose();
    await expect(building).rejects.toThrow('plan "add twice" was disposed');
    expect(device.heldBytes - held).toBe(once);
    plan.dispose();
    expect(device.heldBytes).toBe(held);
    await expect(plan.build()).rejects.toThrow("was disposed");

    // Room for one.
    const small = await open({ budgetBytes: 20_000 });
    const tight = recordAddTwice(small);
    await Promise.all([tight.build(), tight.build()]);
    expect(small.heldBytes).toBe(once);
  });

  it("gives the same bits in native mode, whose toggles it names and this Dawn knows", async () => {
    const input = Float32Array.from({ length: n }, (_, i) => i / 7);
    const bits = [];
    for (const native of [false, true]) {
      const device = await open({ native });
      expect(device.info.toggles.includes("skip_validation")).toBe(native);
      bits.push(await device.read(recordAddTwice(device).run([input])));
    }
    expect(bits[1]).toEqual(bits[0]);
    // Dawn ignores a name that it does not know, so a misspelt one would go unnoticed.
    const dawn = await readFile(new URL(`dist/${process.platform}-${process.platform === "darwin" ? "universal" : process.arch}/dawn.node`, import.meta.resolve("webgpu")));
    expect([...nativeToggles.enable, ...nativeToggles.disable].filter((name) => !dawn.includes(name))).toEqual([]);
  });

  it("returns memory to the pool at the end of a scope and uses it again", async () => {
    const device = await open();
    const once = () => device.dispose(device.scope(() => addOne(device, device.upload(new Float32Array(n), "x"))));
    once();
    const held = device.heldBytes;
    expect(held).toBe(3 * 4 * n);
    for (let i = 0; i < 5; i++) once();
    expect(device.heldBytes).toBe(held);
  });

  it("says so when a tensor is used after its scope", async () => {
    const device = await open();
    let lost: Buffer | undefined;
    device.scope(() => {
      lost = device.upload(new Float32Array(n), "lost");
    });
    await expect(device.read(lost as Buffer)).rejects.toThrow("given back when its scope ended");
  });

  it("lays grouped buffers side by side, copied eagerly and free when recorded", async () => {
    const device = await open();
    const both = () => device.scope(() => {
      const [a, b] = [1, 2].map((value) => {
        const y = device.alloc(12, `part ${value}`);
        device.dispatch(fill.forward, { y }, { n: 3, value }, [1, 1, 1]);
        return y;
      }) as [Buffer, Buffer];
      return device.group([a, b], "whole");
    });
    const eager = both();
    expect(eager.offsets).toEqual([0, 256]);
    const words = new Float32Array(await device.read(eager.whole));
    expect([words[0], words[2], words[64], words[66]]).toEqual([1, 1, 2, 2]);
    const plan = new Plan(device, device.record("group", [], both));
    expect(plan.dispatches).toHaveLength(2);
    const replayed = new Float32Array(await device.read(plan.run().whole));
    expect([replayed[0], replayed[2], replayed[64], replayed[66]]).toEqual([1, 1, 2, 2]);
  });

  it("copies a grouped buffer that another one of the group is computed from, and one that is given twice", async () => {
    const device = await open();
    const chain = () => device.scope(() => {
      const [a, b] = [device.alloc(8, "a"), device.alloc(8, "b")];
      device.dispatch(fill.forward, { y: a }, { n: 2, value: -3 }, [1, 1, 1]);
      device.dispatch(relu.forward, { x: a, y: b }, { n: 2 }, [1, 1, 1]);
      return device.group([a, b, b], "whole").whole;
    });
    const plan = new Plan(device, device.record("chain", [], chain));
    const [eager, replayed] = [new Float32Array(await device.read(chain())), new Float32Array(await device.read(plan.run()))];
    for (const words of [eager, replayed]) expect([words[0], words[64], words[128]]).toEqual([-3, 0, 0]);
    expect(plan.dispatches.map((d) => d.kernel.name)).toEqual(["fill.forward", "relu.scalar.forward", "copy.scalar.forward", "copy.scalar.forward"]);
  });

  it("knows what a plan needs before it allocates, and says it", async () => {
    const device = await open({ budgetBytes: 10_000 });
    const plan = recordAddTwice(device);
    await expect(plan.build()).rejects.toThrowErrorMatchingInlineSnapshot(`[OutOfMemoryError: plan "add twice" needs 12.7 KiB on top of 0.0 KiB in use; the budget is 9.8 KiB. Its largest tensors: block one (3.9 KiB), x (3.9 KiB), block sum (3.9 KiB). Use a smaller batch or input size.]`);
    expect(device.heldBytes).toBe(0);
  });

  it("holds nothing of a plan whose memory was refused half-way", async () => {
    const device = await open({ budgetBytes: 20_000 });
    const plan = recordAddTwice(device);
    const built = plan.build();
    // Somebody else is quicker: room is left for two slots of three.
    const other = device.allocPersistent(12_000, "another");
    await expect(built).rejects.toThrow("add twice slot 2 needs 3.9 KiB");
    expect(device.heldBytes).toBe(other.bytes);
    device.dispose(other);
    await plan.build();
    expect(new Float32Array(await device.read(plan.run([new Float32Array(n)])))[0]).toBe(2);
  });

  it("hears of errors after guarded work that threw", async () => {
    const device = await open();
    await expect(device.guarded("validation", () => {
      throw new Error("no slot");
    })).rejects.toThrow("no slot");
    const y = device.alloc(4, "the victim");
    y.memory.gpu.destroy();
    device.dispatch(fill.forward, { y }, { n: 1, value: 1 }, [1, 1, 1]);
    await expect(device.idle()).rejects.toThrow(/^WebGPU refused a command: [^]*the victim/);
  });

  it("refuses a buffer larger than the device allows, by name", async () => {
    const device = await open();
    expect(() => device.alloc(2 ** 45, "huge")).toThrow(/OutOfMemoryError|huge: .* in one buffer/);
  });

  it("names the kernel of a shader that does not compile", async () => {
    const device = await open();
    const broken = { ...fill.forward, name: "broken.forward", source: fill.forward.source.replace("params.value", "params.volume") } as Kernel<"y", { n: number; value: number }, "WORKGROUP">;
    const launch = () => {
      const y = device.alloc(4, "y");
      device.dispatch(broken, { y }, { n: 1, value: 1 }, [1, 1, 1]);
      return y;
    };
    const says = /^broken\.forward: the shader does not compile on this device: line \d+: .*volume/;
    await expect(new Plan(device, device.record("broken", [], launch)).build()).rejects.toThrow(says);
    launch();
    await expect(device.idle()).rejects.toThrow(says);
  });

  it("turns a refused command into an error with the label, at the next check", async () => {
    const device = await open();
    const y = device.alloc(4, "the victim");
    y.memory.gpu.destroy();
    device.dispatch(fill.forward, { y }, { n: 1, value: 1 }, [1, 1, 1]);
    await expect(device.idle()).rejects.toThrow(/^WebGPU refused a command: [^]*the victim/);
  });

  it("refuses a grid that no device takes, with the op's label", async () => {
    const device = await open();
    const launch = () => device.within("block", () => device.dispatch(fill.forward, { y: device.alloc(4, "y") }, { n: 1, value: 1 }, [70_000, 1, 1]));
    expect(launch).toThrow("block fill.forward: a grid of 70000 x 1 x 1 workgroups");
  });

  it("says that the device was lost, and by whose hand", async () => {
    const device = await open();
    device.gpu?.destroy();
    await device.gpu?.lost;
    expect(() => device.check()).toThrow("the GPU device was lost");
  });

  it("finds the first dispatch that wrote a NaN", async () => {
    const device = await open();
    const plan = recordAddTwice(device);
    expect(await firstNonFinite(device, plan, [new Float32Array(n)])).toBeNull();
    expect(await firstNonFinite(device, plan, [new Float32Array(n).fill(NaN)])).toBe("block accumulate.scalar.forward");
  });

  it("times every dispatch of a plan", async () => {
    const device = await open();
    const plan = recordAddTwice(device);
    plan.run([new Float32Array(n)]);
    const timed = await device.profile(plan, { repeats: 2 });
    expect(timed.dispatches.map((d) => d.kernel)).toEqual(["fill.forward", "accumulate.scalar.forward", "fill.forward", "accumulate.scalar.forward"]);
    expect(timed.totalMs).toBeGreaterThan(0);
    expect(timed.dispatches[1]?.bytes).toBe(3 * 4 * n);
  });

  it("holds no more memory after 300 replays", async () => {
    const device = await open();
    const plan = recordAddTwice(device);
    plan.run([new Float32Array(n)]);
    await device.idle();
    const held = device.heldBytes;
    for (let i = 0; i < 300; i++) plan.run([new Float32Array(n)]);
    await device.idle();
    expect(device.heldBytes).toBe(held);
    plan.dispose();
    expect(device.heldBytes).toBeLessThan(held);
  });
});
