import { describe, expect, it } from "vitest";
import { Rng } from "./rng.ts";

describe("Rng", () => {
  it("gives the same draws for the same seed and others for another", () => {
    const draws = (seed: number) => Array.from({ length: 5 }, ((rng) => () => rng.u32())(new Rng(seed)));
    expect(draws(7)).toEqual(draws(7));
    expect(draws(7)).not.toEqual(draws(8));
    expect(draws(7)).not.toEqual(draws(7 + 2 ** 32));
    expect(draws(7)).toMatchInlineSnapshot(`
      [
        302959790,
        3737261587,
        1128911610,
        1910455905,
        410173013,
      ]
    `);
  });

  it("goes on from its state", () => {
    const rng = Rng.for(3, "shuffle", 1);
    rng.u32();
    const again = new Rng(rng.state);
    expect([again.u32(), again.normal(), again.int(10)]).toEqual([rng.u32(), rng.normal(), rng.int(10)]);
  });

  it("is independent for each purpose", () => {
    expect(Rng.for(1, "a").u32()).not.toBe(Rng.for(1, "b").u32());
    expect(Rng.for(1, "a", 1).u32()).not.toBe(Rng.for(1, "a", 2).u32());
  });

  it("draws normals with the right moments", () => {
    const rng = new Rng(5);
    const n = 200_000;
    const values = Array.from({ length: n }, () => rng.normal(2, 3));
    const mean = values.reduce((a, b) => a + b) / n;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    const kurtosis = values.reduce((a, b) => a + (b - mean) ** 4, 0) / n / variance ** 2;
    expect(mean).toBeCloseTo(2, 1);
    expect(Math.sqrt(variance)).toBeCloseTo(3, 1);
    expect(kurtosis).toBeCloseTo(3, 1);
  });

  it("draws integers evenly and shuffles to every order", () => {
    const rng = new Rng(9);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[rng.int(3)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
    const orders = new Set(Array.from({ length: 200 }, () => rng.shuffle([1, 2, 3]).join("")));
    expect(orders.size).toBe(6);
  });
});
