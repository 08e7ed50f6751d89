import { Rng } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { placeLabels, type Spot } from "./labels.ts";

const frame = { x1: 0, y1: 0, x2: 460, y2: 300 };

describe("labels", () => {
  it("stand right of a point that has room there, left of one that has not", () => {
    const spot = (x: number): Spot => ({ name: "ten letter", x, y: 100, r: 5, weight: 1 });
    expect(placeLabels([spot(100)], { frame, spots: [spot(100)], lines: [] })).toEqual([{ name: "ten letter", x1: 108, y1: 94.5, x2: 166, y2: 105.5, leader: null }]);
    expect(placeLabels([spot(450)], { frame, spots: [spot(450)], lines: [] })[0]).toMatchObject({ x2: 442 });
  });

  it.each([1, 2, 3, 4, 5])("lie on no other, on no point and on no line, the heaviest first (crowd %d)", (seed) => {
    const rng = new Rng(seed);
    const spots = Array.from({ length: 25 }, (_, i): Spot => ({ name: `conv2d.lanes.images.${i}`, x: 230 + 60 * rng.normal(), y: 150 + 30 * rng.normal(), r: 3 + 6 * rng.uniform(0, 1), weight: 25 - i }));
    const roof = [[0, 280], [240, 60], [460, 60]] as const;
    const labels = placeLabels(spots, { frame, spots, lines: [roof], taken: [{ x1: 300, y1: 46, x2: 460, y2: 60 }] });
    expect(labels.length).toBeGreaterThan(4);
    for (const [i, a] of labels.entries()) {
      expect(a.x1 >= frame.x1 && a.x2 <= frame.x2 && a.y1 >= frame.y1 && a.y2 <= frame.y2).toBe(true);
      for (const b of labels.slice(i + 1)) expect(a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2, `${a.name} on ${b.name}`).toBe(false);
      for (const dot of spots) expect(Math.hypot(dot.x - Math.min(a.x2, Math.max(a.x1, dot.x)), dot.y - Math.min(a.y2, Math.max(a.y1, dot.y))), a.name).toBeGreaterThanOrEqual(dot.r);
      for (let x = a.x1; x <= a.x2; x++) expect(((y) => y > a.y1 && y < a.y2)(x < 240 ? 280 - (220 / 240) * x : 60), `${a.name} on the roof`).toBe(false);
    }
  });

  it("are left out where there is no room, the light ones", () => {
    const heavy: Spot = { name: "heavy", x: 50, y: 20, r: 4, weight: 2 };
    const narrow = { x1: 0, y1: 10, x2: 90, y2: 30 };
    expect(placeLabels([{ ...heavy, name: "light", weight: 1 }, heavy], { frame: narrow, spots: [heavy], lines: [] }).map((l) => l.name)).toEqual(["heavy", "light"]);
    expect(placeLabels([{ ...heavy, name: "a light name", weight: 1 }, heavy], { frame: narrow, spots: [heavy], lines: [] }).map((l) => l.name)).toEqual(["heavy"]);
  });
});
