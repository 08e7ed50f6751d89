// What the test page offers to test/browser.test.ts.

import type { DeviceInfo } from "@roentgen/gpu";

/** The cases of one op's file. */
export interface CaseReport {
  readonly file: string;
  readonly cases: number;
  readonly timeMs: number;
  /** What is wrong, in words. */
  readonly problems: readonly string[];
}

export interface Checks {
  /** Every case of every op. Firefox looks for results ten times a second: several files at once wait together. */
  runCases(atOnce?: number): Promise<CaseReport[]>;
  /** Tunes one product twice, each time on a device of its own: which families were known, and how many shapes each time measured. */
  tuneTwice(): Promise<{ winners: readonly string[]; measured: readonly number[] }>;
  fineTune(): Promise<{ losses: number[]; validationLoss: number; info: DeviceInfo }>;
}
