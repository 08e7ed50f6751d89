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
  runCases(): Promise<CaseReport[]>;
  fineTune(): Promise<{ losses: number[]; validationLoss: number; info: DeviceInfo }>;
}
