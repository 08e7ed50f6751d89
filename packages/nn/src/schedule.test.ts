import { describe, expect, it } from "vitest";
import { constant, cosine, linear, plateau, step, warmUp } from "./schedule.ts";

describe("schedules", () => {
  it("cosine with a lag of one runs two epochs at the full rate (benchmark protocol 9.4)", () => {
    const s = cosine(1, { total: 200, lag: 1 });
    const rates = [0, 1, 2, 199].map((t) => s.rate(t));
    expect(rates[0]).toBe(1);
    expect(rates[1]).toBe(1);
    expect(rates[2]).toBeCloseTo(0.999938, 6);
    expect(rates[3]).toBeCloseTo(0.000247, 6);
  });

  it("plateau halves once on eleven equal losses after the first, on the sixth (benchmark protocol 9.4)", () => {
    const s = plateau(2e-4);
    const rates = Array.from({ length: 12 }, () => {
      s.observe(1);
      return s.rate(0);
    });
    expect(rates.slice(0, 6)).toEqual(new Array(6).fill(2e-4));
    expect(rates.slice(6)).toEqual(new Array(6).fill(1e-4));
  });

  it("plateau needs an improvement of one in ten thousand to be content", () => {
    const s = plateau(1, { patience: 0 });
    s.observe(1);
    s.observe(0.99995);
    expect(s.rate(0)).toBe(0.5);
    s.observe(0.9);
    expect(s.rate(0)).toBe(0.5);
  });

  it("plateau goes on from its state, also before it has seen a loss", () => {
    const a = plateau(1, { patience: 1 });
    const b = plateau(1, { patience: 1 });
    b.restore(a.state);
    for (const loss of [3, 3, 3, 2, 2]) {
      a.observe(loss);
      b.observe(loss);
      b.restore(JSON.parse(JSON.stringify(a.state)) as number[]);
    }
    expect(b.state).toEqual(a.state);
    expect(() => b.restore([1])).toThrow("belongs to another schedule");
  });

  it("linear ends at zero, step falls by its factor, constant stays, warm-up rises to where the next begins", () => {
    expect([0, 5, 10, 11].map((t) => linear(1, { total: 10 }).rate(t))).toEqual([1, 0.5, 0, 0]);
    expect([0, 9, 10, 20].map((t) => step(1, { every: 10, factor: 0.5 }).rate(t))).toEqual([1, 1, 0.5, 0.25]);
    expect(constant(3).rate(1000)).toBe(3);
    expect([0, 1, 2, 3, 4].map((t) => warmUp(linear(1, { total: 4 }), { epochs: 2 }).rate(t))).toEqual([0.5, 1, 1, 0.75, 0.5]);
  });
});
