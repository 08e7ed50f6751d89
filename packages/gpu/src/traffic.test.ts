import { relu } from "@roentgen/kernels";
import { expect, it } from "vitest";
import { Buffer } from "./buffer.ts";
import { carriedInto, distinctBytes, trafficOf } from "./traffic.ts";

const whole = new Buffer("whole", 4096);
const part = (from: number, bytes: number) => Buffer.part("part", bytes, whole, from);
const other = new Buffer("other", 100);

it.each([
  ["two buffers add up", [whole, other], 4196],
  ["one buffer bound twice counts once", [other, other], 100],
  ["parts apart add up", [part(0, 256), part(1024, 256)], 512],
  ["parts that overlap count their union", [part(0, 512), part(256, 512), part(2048, 16)], 784],
  ["a part inside another counts nothing more", [part(0, 1024), part(256, 256)], 1024],
])("%s", (_, buffers, bytes) => {
  expect(distinctBytes(buffers)).toBe(bytes);
});

it("counts what may be updated in place once at least and twice at most, and believes an op that says", () => {
  expect(trafficOf({ buffers: [whole, other] }, [other])).toEqual({ bytes: 4196, mostBytes: 4296 });
  expect(trafficOf({ buffers: [whole, other], bytes: 300 }, [other])).toEqual({ bytes: 300, mostBytes: 300 });
});

it("leaves out what an op says it does not read", () => {
  expect(trafficOf({ buffers: [whole, other], unread: 4000 }, [other])).toEqual({ bytes: 196, mostBytes: 296 });
});

it("takes a part for filled where it was, not where another part was", () => {
  const launch = (y: Buffer) => ({ kernel: relu.forward, buffers: [other, y] });
  const dispatches = [launch(part(0, 256)), launch(part(256, 256)), launch(part(128, 256)), launch(part(512, 256)), launch(part(512, 128))];
  expect(carriedInto(dispatches, [], new Set()).map((carried) => carried.length)).toEqual([0, 0, 1, 0, 1]);
});

it("knows a first write from an update of what was there: inputs, earlier writes, persistent memory", () => {
  const kernel = relu.forward; // reads x, writes y
  const [input, h, weight] = [new Buffer("input", 64), new Buffer("h", 64), Buffer.external("weight", 64)];
  const launch = (x: Buffer, y: Buffer) => ({ kernel, buffers: [x, y] });
  const dispatches = [launch(input, h), launch(input, h), launch(h, weight), launch(h, input)];
  expect(carriedInto(dispatches, [input], new Set([weight]))).toEqual([[], [h], [weight], [input]]);
});
