import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Access, assignSlots, independentOfNext, liveRanges, peakLive, readBeforeWritten, type Slots } from "./planner.ts";

const chain: Access[] = [
  { reads: [0], writes: [1] },
  { reads: [1], writes: [2] },
  { reads: [2], writes: [3] },
];

describe("liveRanges", () => {
  it("spans from the first touch to the last, inputs from before and outputs until after", () => {
    expect(liveRanges(4, chain, new Set([0]), new Set([3]))).toEqual([
      { first: -1, last: 0 },
      { first: 0, last: 1 },
      { first: 1, last: 2 },
      { first: 2, last: 3 },
    ]);
  });

  it("leaves a buffer that nothing touches with an empty range", () => {
    const [, unused] = liveRanges(2, [{ reads: [], writes: [0] }], new Set(), new Set([0]));
    expect(unused && unused.first > unused.last).toBe(true);
  });
});

describe("assignSlots", () => {
  it("shares a slot between buffers that are never alive together, and never between what one dispatch reads and writes", () => {
    const ranges = liveRanges(4, chain, new Set([0]), new Set([3]));
    const { bytes, of } = assignSlots([400, 400, 400, 400], ranges);
    expect(bytes).toEqual([400, 400]);
    expect(of[0]).toBe(of[2]);
    expect(of[1]).toBe(of[3]);
    expect(of[0]).not.toBe(of[1]);
  });

  it("makes a slot as large as its largest tenant", () => {
    const { bytes } = assignSlots([100, 900, 500], [{ first: 0, last: 1 }, { first: 2, last: 3 }, { first: 1, last: 2 }]);
    expect(bytes).toEqual([900, 500]);
  });

  it("never overlaps two tenants and never beats the peak, for any ranges", () => {
    const buffer = fc.record({ size: fc.integer({ min: 1, max: 1000 }), first: fc.nat(20), length: fc.nat(10) });
    fc.assert(
      fc.property(fc.array(buffer, { maxLength: 30 }), (buffers) => {
        const sizes = buffers.map((b) => b.size);
        const ranges = buffers.map((b) => ({ first: b.first, last: b.first + b.length }));
        const { bytes, of } = assignSlots(sizes, ranges);
        for (const [i, a] of ranges.entries()) {
          expect(bytes[of[i] ?? -1]).toBeGreaterThanOrEqual(sizes[i] ?? 0);
          for (const [j, b] of ranges.entries()) if (i < j && of[i] === of[j]) expect(a.last < b.first || b.last < a.first).toBe(true);
        }
        expect(bytes.reduce((x, y) => x + y, 0)).toBeGreaterThanOrEqual(peakLive(sizes, ranges, 40));
      }),
    );
  });
});

describe("neighbours", () => {
  // 1 and 2 both read what 0 writes, 3 reads what they write, 4 and 5 what 3 writes.
  const forked: Access[] = [
    { reads: [0], writes: [1] },
    { reads: [1], writes: [2] },
    { reads: [1], writes: [3] },
    { reads: [2, 3], writes: [4] },
    { reads: [4], writes: [5] },
    { reads: [4], writes: [6] },
  ];

  /** Neighbours that could run side by side, but for one of them writing a slot that the other touches. */
  function falseHazards(accesses: readonly Access[], { of }: Pick<Slots, "of">): number {
    const slotsOf = (buffers: readonly number[]) => buffers.map((b) => of[b] ?? -1).filter((slot) => slot >= 0);
    return independentOfNext(accesses).filter((free, i) => {
      const [one, next] = [accesses[i] as Access, accesses[i + 1] as Access];
      const [written, touched] = [slotsOf(one.writes), slotsOf([...next.reads, ...next.writes])];
      return free && (written.some((slot) => touched.includes(slot)) || slotsOf(one.reads).some((slot) => slotsOf(next.writes).includes(slot)));
    }).length;
  }

  it("are independent where neither writes what the other touches", () => {
    expect(independentOfNext(forked)).toEqual([false, true, false, false, true]);
  });

  it("that are independent meet in no slot where there is another one, at no cost in bytes", () => {
    // 0 writes three buffers; 1 reads the first; 2 could run beside it and needs a slot: the first one's is free, and the third one's.
    const accesses: Access[] = [{ reads: [], writes: [0, 1, 2] }, { reads: [0], writes: [3] }, { reads: [], writes: [4] }, { reads: [3, 4], writes: [] }];
    const ranges = liveRanges(5, accesses, new Set(), new Set());
    const sizes = [8, 8, 8, 8, 8];
    const [plain, apart] = [assignSlots(sizes, ranges), assignSlots(sizes, ranges, independentOfNext(accesses))];
    expect([falseHazards(accesses, plain), falseHazards(accesses, apart)]).toEqual([1, 0]);
    expect([plain.of[4], apart.of[4]]).toEqual([plain.of[0], apart.of[2]]);
    expect(apart.bytes).toEqual(plain.bytes);
  });

  it("never overlap for it, whatever the ranges", () => {
    const buffer = fc.record({ size: fc.integer({ min: 1, max: 1000 }), first: fc.nat(20), length: fc.nat(10) });
    fc.assert(
      fc.property(fc.array(buffer, { maxLength: 30 }), fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (buffers, independent) => {
        const sizes = buffers.map((b) => b.size);
        const ranges = buffers.map((b) => ({ first: b.first, last: b.first + b.length }));
        const { bytes, of } = assignSlots(sizes, ranges, independent);
        for (const [i, a] of ranges.entries()) {
          expect(bytes[of[i] ?? -1]).toBeGreaterThanOrEqual(sizes[i] ?? 0);
          for (const [j, b] of ranges.entries()) if (i < j && of[i] === of[j]) expect(a.last < b.first || b.last < a.first).toBe(true);
        }
      }),
    );
  });
});

describe("readBeforeWritten", () => {
  it("names the buffer and the dispatch", () => {
    expect(readBeforeWritten(chain, new Set())).toEqual([{ buffer: 0, at: 0 }]);
    expect(readBeforeWritten(chain, new Set([0]))).toEqual([]);
  });
});
