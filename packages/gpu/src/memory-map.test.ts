import { expect, it } from "vitest";
import { Buffer } from "./buffer.ts";
import { memoryMap } from "./memory-map.ts";

it("a memory map says who lives in which slot and when, and what is not the plan's", () => {
  const [x, h, y, idle] = [new Buffer("x", 100), new Buffer("h", 400), new Buffer("y", 80), new Buffer("idle", 8)];
  const weight = Buffer.external("weight", 64);
  const part = Buffer.part("half a weight", 32, weight, 0);
  const ranges = [{ first: -1, last: 0 }, { first: 0, last: 1 }, { first: 1, last: 2 }, { first: Infinity, last: -Infinity }];
  expect(memoryMap([x, h, y, idle], [x, part, h, y], ranges, { bytes: [400, 100], of: [1, 0, 1, -1] })).toEqual({
    slots: [{ bytes: 400 }, { bytes: 100 }],
    tenants: [
      { label: "h", bytes: 400, slot: 0, first: 0, last: 1 },
      { label: "x", bytes: 100, slot: 1, first: -1, last: 0 },
      { label: "y", bytes: 80, slot: 1, first: 1, last: 2 },
    ],
    persistent: [{ label: "weight", bytes: 64 }],
  });
});
