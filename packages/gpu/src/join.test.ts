import { accumulate, fill } from "@roentgen/kernels";
import { describe, expect, it } from "vitest";
import { Buffer } from "./buffer.ts";
import type { Dispatch } from "./dispatch.ts";
import { type Joiner, joinWaiting } from "./join.ts";

const joiner: Joiner = { most: 3, join: (members) => ({ ...(members[0] as Dispatch), label: members.map((m) => m.label).join("+"), joiner: undefined }) };

const dispatch = (label: string, kernel: Dispatch["kernel"], buffers: Buffer[], waits = false): Dispatch => ({
  kernel, label, buffers, params: {}, overrides: {}, grid: [1, 1, 1], flops: 0, joiner: waits ? joiner : undefined,
});
const whole = new Buffer("whole", 4096);
const part = (i: number) => Buffer.part(`part ${i}`, 256, whole, 256 * i);
/** Writes one part of `whole` from a buffer of its own, and may wait. */
const sum = (label: string, i: number, from = new Buffer("slices", 1000)) => dispatch(label, accumulate.forward, [from, from, part(i)], true);
const other = (label: string) => dispatch(label, fill.forward, [new Buffer("other", 256)]);
const labels = (list: readonly Dispatch[]) => list.map((d) => d.label);

describe("joinWaiting", () => {
  it("moves what may wait down to the end, or to where there are enough", () => {
    expect(labels(joinWaiting([sum("a", 0), other("x"), sum("b", 1), other("y")], Infinity))).toEqual(["x", "y", "a+b"]);
    expect(labels(joinWaiting([sum("a", 0), sum("b", 1), sum("c", 2), other("x"), sum("d", 3)], Infinity))).toEqual(["x", "a+b+c", "d"]);
  });

  it.each([
    ["reads what it writes", (at: Buffer, _: Buffer) => dispatch("x", accumulate.forward, [at, at, new Buffer("y", 256)])],
    ["writes what it writes", (at: Buffer, _: Buffer) => dispatch("x", fill.forward, [at])],
    ["writes what it reads", (_: Buffer, from: Buffer) => dispatch("x", fill.forward, [from])],
  ])("passes no dispatch that %s, and lets the others wait on", (_, colliding) => {
    const from = new Buffer("slices", 1000);
    expect(labels(joinWaiting([sum("a", 0), sum("b", 1, from), colliding(part(1), from), sum("c", 2)], Infinity))).toEqual(["b", "x", "a+c"]);
  });

  it("keeps no more alive than it may", () => {
    expect(labels(joinWaiting([sum("a", 0), sum("b", 1), sum("c", 2)], 4000))).toEqual(["a+b", "c"]);
    expect(labels(joinWaiting([sum("a", 0), sum("b", 1), other("x")], 100))).toEqual(["a", "x", "b"]);
  });

  it("joins only what writes into one buffer", () => {
    const alone = dispatch("alone", accumulate.forward, [new Buffer("s", 8), new Buffer("s", 8), new Buffer("sum", 8)], true);
    expect(labels(joinWaiting([sum("a", 0), alone, sum("b", 1)], Infinity))).toEqual(["a+b", "alone"]);
  });
});
