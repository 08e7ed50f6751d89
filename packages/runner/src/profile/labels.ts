// Where the names of points can stand in a chart without lying on each other, on a point or on a line: the heaviest first, each where
// it finds room beside its point, or a little off with a leader. What finds none goes without. Everything in pixels.

export interface Spot {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly r: number;
  /** The heavier is placed first. */
  readonly weight: number;
}

/** A rectangle; y grows downwards. */
export interface Box {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

export interface Label extends Box {
  readonly name: string;
  /** From the point's edge, where the name stands off it. */
  readonly leader: Box | null;
}

/** Pixels of a letter and of a line of `fontSize` 10. */
const letter = 5.8;
const lineHeight = 11;

/** Gaps between a point and its name; beyond the first there is a leader. */
const gaps = [3, 14, 28, 46, 70, 100] as const;
const directions = [[1, 0], [-1, 0], [0, -1], [0, 1], [0.05, 1], [-0.05, 1], [0.05, -1], [-0.05, -1], [0.7, -0.7], [-0.7, -0.7], [0.7, 0.7], [-0.7, 0.7], [0.4, 0.9], [-0.4, 0.9], [0.4, -0.9], [-0.4, -0.9], [-0.9, 0.4], [0.9, 0.4]] as const;

export function placeLabels(named: readonly Spot[], { frame, spots, lines, taken = [] }: {
  readonly frame: Box;
  /** Everything that is drawn as a dot, named or not. */
  readonly spots: readonly Pick<Spot, "x" | "y" | "r">[];
  readonly lines: readonly (readonly (readonly [x: number, y: number])[])[];
  readonly taken?: readonly Box[];
}): Label[] {
  const onLines = lines.flatMap(pointsAlong);
  const placed: Label[] = [];
  for (const spot of [...named].sort((a, b) => b.weight - a.weight)) {
    const isFree = (box: Box) =>
      box.x1 >= frame.x1 && box.x2 <= frame.x2 && box.y1 >= frame.y1 && box.y2 <= frame.y2 &&
      ![...taken, ...placed].some((other) => meet(box, other)) && !spots.some((dot) => touches(box, dot)) && !onLines.some(([x, y]) => inside(box, x, y)) &&
      !placed.some(({ leader }) => leader && pointsAlong([[leader.x1, leader.y1], [leader.x2, leader.y2]]).some(([x, y]) => inside(box, x, y)));
    const found = labelsAround(spot).find((label) => isFree(label) && !(label.leader && crosses(label.leader, [...taken, ...placed])));
    if (found) placed.push(found);
  }
  return placed;
}

/** Places to try, the best first. */
function labelsAround({ name, x, y, r }: Spot): Label[] {
  const width = letter * name.length;
  return gaps.flatMap((gap, ring) =>
    directions.map(([dx, dy]) => {
      const [atX, atY] = [x + dx * (r + gap), y + dy * (r + gap)];
      const x1 = dx > 0 ? atX : dx < 0 ? atX - width : atX - width / 2;
      const y1 = dy > 0 ? atY : dy < 0 ? atY - lineHeight : atY - lineHeight / 2;
      return { name, x1, y1, x2: x1 + width, y2: y1 + lineHeight, leader: ring === 0 ? null : { x1: x + dx * r, y1: y + dy * r, x2: atX, y2: atY } };
    }));
}

const meet = (a: Box, b: Box): boolean => a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2;
const inside = ({ x1, y1, x2, y2 }: Box, x: number, y: number): boolean => x > x1 - 1 && x < x2 + 1 && y > y1 && y < y2;
const touches = ({ x1, y1, x2, y2 }: Box, { x, y, r }: Pick<Spot, "x" | "y" | "r">): boolean => Math.hypot(x - Math.min(x2, Math.max(x1, x)), y - Math.min(y2, Math.max(y1, y))) < r + 1;
const crosses = ({ x1, y1, x2, y2 }: Box, boxes: readonly Box[]): boolean => pointsAlong([[x1, y1], [x2, y2]]).some(([x, y]) => boxes.some((box) => inside(box, x, y)));

/** Points of a line of straight pieces, two pixels apart. */
function pointsAlong(line: readonly (readonly [x: number, y: number])[]): [number, number][] {
  return line.slice(1).flatMap(([x2, y2], i) => {
    const [x1, y1] = line[i] ?? [x2, y2];
    const steps = Math.max(1, Math.ceil(Math.hypot(x2 - x1, y2 - y1) / 2));
    return Array.from({ length: steps + 1 }, (_, n): [number, number] => [x1 + ((x2 - x1) * n) / steps, y1 + ((y2 - y1) * n) / steps]);
  });
}
