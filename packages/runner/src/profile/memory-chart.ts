// The memory timeline as a picture: above, the bytes whose values are still needed; below, slots as rows and who lives in them from
// dispatch to dispatch, with their names where there is room.

import { readableBytes } from "@roentgen/gpu";
import { areaY, dot, rect, ruleY, text } from "@observablehq/plot";
import { chart } from "../report/chart.ts";
import type { Markup } from "../report/html.ts";
import { colourOf } from "../report/style.ts";
import { liveBytes, type MemoryBox, memoryBoxes, type MemoryRow, memoryRows, memorySums } from "./memory-timeline.ts";
import type { ProfileReport } from "./profile-report.ts";

const mebibyte = 2 ** 20;
const marginLeft = 132;
const marginRight = 12;
/** Pixels of a letter of the boxes' words. */
const letter = 5.7;
const bandHeight = 15;

/** Two charts of one width: live bytes, and slots. Null for a plan without memory of its own. */
export function memoryCharts({ memory, dispatches }: Pick<ProfileReport, "memory" | "dispatches">, width = 1040): readonly [live: Markup, slots: Markup] | null {
  const count = dispatches.length;
  if (memory.slots.length === 0 || count === 0) return null;
  const sums = memorySums(memory);
  const x = { label: "Dispatch", domain: [0, count], labelAnchor: "center" as const, labelArrow: "none" as const };
  const frame = { width, marginLeft, marginRight, x };
  return [liveChart(liveBytes(memory, count), sums, memory, frame), slotChart(memory, sums, count, frame)];
}

type Frame = { readonly width: number; readonly marginLeft: number; readonly marginRight: number; readonly x: object };
type Sums = ReturnType<typeof memorySums>;

function liveChart(live: readonly number[], { slots, beside }: Sums, memory: ProfileReport["memory"], frame: Frame): Markup {
  const steps = live.flatMap((bytes, i) => [{ at: i, bytes: bytes / mebibyte }, { at: i + 1, bytes: bytes / mebibyte }]);
  const [held, all] = [slots / mebibyte, (slots + beside) / mebibyte];
  const peak = Math.max(...live);
  const at = live.indexOf(peak);
  const isLate = at > live.length / 2;
  return chart(`Live bytes over ${live.length} dispatches: ${readableBytes(memory.peakLiveBytes)} at the peak, at dispatch ${at}; ${readableBytes(slots)} held in slots, ${readableBytes(beside)} in textures and uniforms.`, {
    ...frame, height: 190, y: { label: "MiB", grid: true, labelArrow: "none", domain: [0, 1.12 * all] },
    marks: [
      areaY(steps, { x: "at", y1: 0, y2: "bytes", fill: colourOf(1), fillOpacity: 0.45, stroke: colourOf(1), strokeWidth: 1 }),
      rect([{ x1: 0, x2: live.length, y1: held, y2: all }], { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: colourOf(7), fillOpacity: 0.45 }),
      ruleY([held], { stroke: "currentColor", strokeDasharray: "5,3" }),
      dot([{ at: at + 0.5, peak: peak / mebibyte }], { x: "at", y: "peak", r: 3, fill: "currentColor" }),
      text([{ at: at + 0.5, peak: peak / mebibyte }], { x: "at", y: "peak", dx: isLate ? -8 : 8, dy: 12, textAnchor: isLate ? "end" : "start", text: () => `peak ${readableBytes(peak)}, dispatch ${at}`, fill: "currentColor", stroke: "var(--paper)", strokeWidth: 3 }),
    ],
  });
}

function slotChart(memory: ProfileReport["memory"], { beside }: Sums, count: number, frame: Frame): Markup {
  const rows = memoryRows(memory.slots);
  const boxes = memoryBoxes(memory, rows, count);
  const named = rows.filter((row) => row.named);
  const thin = rows.filter((row) => !row.named);
  const bottom = (row: MemoryRow | undefined) => (row ? row.y + row.height : 0);
  const band = { x1: 0, x2: count, y1: bottom(rows.at(-1)) + 4, y2: bottom(rows.at(-1)) + 4 + bandHeight };
  const perDispatch = (frame.width - frame.marginLeft - frame.marginRight) / count;
  const between = ({ x1, x2 }: MemoryBox) => (x2 - x1 === 1 ? `dispatch ${x1}` : `dispatches ${x1} to ${x2 - 1}`);
  const atLeft = [
    ...named.map((row) => ({ y: row.y + row.height / 2, text: readableBytes(row.bytes) })),
    ...(thin.length > 0 ? [{ y: (bottom(named.at(-1)) + bottom(thin.at(-1))) / 2, text: `${thin.length} smaller, ${readableBytes(thin.reduce((sum, row) => sum + row.bytes, 0))}` }] : []),
    { y: (band.y1 + band.y2) / 2, text: `images etc., ${readableBytes(beside)}` },
  ];
  const whole = { x1: "x1", x2: "x2", y2: "y2", stroke: "var(--paper)", strokeWidth: 0.4, fill: (b: MemoryBox) => colourOf(hueOf(b.label)) } as const;
  return chart(`Slots and their tenants: ${memory.slots.length} slots, the largest first, ${memory.tenants.length} tenants.`, {
    ...frame, marginTop: 6, height: band.y2 + 6 + 38, y: { axis: null, domain: [band.y2, 0] },
    marks: [
      ruleY([...named, ...thin.slice(0, 1)].map((row) => row.y), { stroke: "currentColor", strokeOpacity: 0.12 }),
      rect(boxes, { ...whole, y1: "y1", fillOpacity: 0.2, title: (b: MemoryBox) => `${b.label}\nslot ${b.slot}, ${readableBytes(b.bytes)}\n${between(b)}` }),
      rect(boxes, { ...whole, y1: "filledFrom", fillOpacity: 0.45, pointerEvents: "none" }),
      rect([band], { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: colourOf(7), fillOpacity: 0.45, title: () => `images that kernels read, and parameters of dispatches\n${readableBytes(beside)}` }),
      text(boxes.filter((b) => b.named).flatMap((b) => wordsIn(b, perDispatch)), { x: "x", y: "y", text: "words", textAnchor: "start", dx: 3, fontSize: 10, fill: "currentColor", pointerEvents: "none" }),
      text(atLeft, { x: () => 0, y: "y", text: "text", textAnchor: "end", dx: -6, fill: "currentColor" }),
    ],
  });
}

/** A box's name, or as much of it as the box has room for. */
function wordsIn({ label, bytes, x1, x2, y1, y2 }: MemoryBox, perDispatch: number): { x: number; y: number; words: string }[] {
  const room = Math.floor(((x2 - x1) * perDispatch - 6) / letter);
  const whole = `${label}, ${readableBytes(bytes)}`;
  const words = whole.length <= room ? whole : label.length <= room ? label : room >= 6 ? `${label.slice(0, room - 1)}…` : "";
  return words === "" ? [] : [{ x: x1, y: (y1 + y2) / 2, words }];
}

/** Neighbours in time differ in colour; what comes of one module keeps its own. */
function hueOf(label: string): number {
  const [module = ""] = label.split(" ");
  let hash = 0;
  for (const letter of module) hash = (31 * hash + letter.charCodeAt(0)) % 9973;
  return hash % 7;
}
