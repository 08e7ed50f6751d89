// The memory timeline as a picture: slots as rows whose height is their size, tenants as boxes along the dispatches, and over it
// the bytes whose values are still needed.

import { areaY, rect, ruleY } from "@observablehq/plot";
import { chart } from "../report/chart.ts";
import type { Markup } from "../report/html.ts";
import { colourOf } from "../report/style.ts";
import { liveBytes, type MemoryBox, memoryBoxes } from "./memory-timeline.ts";
import type { ProfileReport } from "./profile-report.ts";

const mebibyte = 2 ** 20;

/** Two charts of one width: live bytes, and slots. Null for a plan without memory of its own. */
export function memoryCharts({ memory, dispatches }: Pick<ProfileReport, "memory" | "dispatches">, width = 1040): readonly [live: Markup, slots: Markup] | null {
  const count = dispatches.length;
  if (memory.slots.length === 0 || count === 0) return null;
  const live = liveBytes(memory, count).flatMap((bytes, i) => [{ at: i, bytes: bytes / mebibyte }, { at: i + 1, bytes: bytes / mebibyte }]);
  const boxes = memoryBoxes(memory, count).map((box) => ({ ...box, y1: box.y1 / mebibyte, y2: box.y2 / mebibyte }));
  const held = memory.slots.reduce((sum, slot) => sum + slot.bytes, 0) / mebibyte;
  const x = { label: "Dispatch", domain: [0, count], labelAnchor: "center" as const, labelArrow: "none" as const };
  const y = { label: "MiB", grid: true, labelArrow: "none" as const };
  const size = (bytes: number) => `${(bytes / mebibyte).toFixed(2)} MiB`;
  const between = ({ x1, x2 }: MemoryBox) => (x2 - x1 === 1 ? `dispatch ${x1}` : `dispatches ${x1} to ${x2 - 1}`);
  return [
    chart(`Live bytes over ${count} dispatches: ${size(memory.peakLiveBytes)} at the peak, ${held.toFixed(1)} MiB held in slots.`, {
      width, height: 170, x, y: { ...y, domain: [0, 1.05 * held] },
      marks: [areaY(live, { x: "at", y1: 0, y2: "bytes", fill: colourOf(1), fillOpacity: 0.45, stroke: colourOf(1), strokeWidth: 1 }), ruleY([held], { stroke: "currentColor", strokeDasharray: "5,3" })],
    }),
    chart(`Slots and their tenants: ${memory.slots.length} slots, ${memory.tenants.length} tenants.`, {
      width, height: 420, x, y: { ...y, domain: [0, held] },
      marks: [rect(boxes, { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: (b: MemoryBox) => colourOf(hueOf(b.label)), fillOpacity: 0.6, stroke: "var(--paper)", strokeWidth: 0.4, title: (b: MemoryBox) => `${b.label}\nslot ${b.slot}, ${size(b.bytes)}\n${between(b)}` })],
    }),
  ];
}

/** Neighbours in time differ in colour; what comes of one module keeps its own. */
function hueOf(label: string): number {
  const [module = ""] = label.split(" ");
  let hash = 0;
  for (const letter of module) hash = (31 * hash + letter.charCodeAt(0)) % 9973;
  return hash % 7;
}
