// What was measured once and ships with the engine: shapes where another family than the predicted one is clearly faster. Written from
// `roentgen tune MODEL --train --json`; a tuning of one's own goes before.

import type { DeviceInfo } from "@roentgen/gpu";

export interface Seeds {
  /** What `describe` says of the adapters that these hold for. */
  readonly adapter: RegExp;
  /** Family by a task's key. */
  readonly winners: Readonly<Record<string, string>>;
}

/** None for llvmpipe: there prediction is within a hundredth of what tuning finds (bench/NOTES.md). */
const shipped: readonly Seeds[] = [];

/** The family that ships for a task on this adapter. */
export function seedFor({ vendor, architecture, device, description }: DeviceInfo, key: string, seeds = shipped): string | undefined {
  const name = [vendor, architecture, device, description].join(" ");
  return seeds.find(({ adapter, winners }) => adapter.test(name) && Object.hasOwn(winners, key))?.winners[key];
}
