// What a browser's checks must come to: what Node comes to.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { demoSource } from "@roentgen/data/node";
import { openDevice } from "@roentgen/gpu/node";
import type { OpCase } from "@roentgen/tensor/testing";
import { expect } from "vitest";
import type { CaseReport, Checks } from "../../apps/web/src/checks.ts";
import { shortFineTune } from "./short-fine-tune.ts";

const opsFolder = join(import.meta.dirname, "../../packages/tensor/src/ops");

/** Relative difference of the losses of ten steps; short-fine-tune.ts says what it was chosen for. */
const lossTolerance = 1e-4;

/** Every case of every op passed, and none was left out. */
export async function expectEveryCase(reports: readonly CaseReport[]): Promise<void> {
  expect(reports.flatMap((report) => report.problems)).toEqual([]);
  const inNode: Record<string, number> = {};
  for (const file of readdirSync(opsFolder).filter((name) => name.endsWith(".cases.ts"))) {
    inNode[file] = ((await import(join(opsFolder, file))) as { cases: readonly OpCase[] }).cases.length;
  }
  expect(Object.fromEntries(reports.map((report) => [report.file, report.cases]))).toEqual(inNode);
}

/** Ten steps of fine-tuning lost what they lose in Node. */
export async function expectSameFineTuning(there: Awaited<ReturnType<Checks["fineTune"]>>): Promise<void> {
  const device = await openDevice();
  const here = await shortFineTune(device, demoSource("plane")).finally(() => device.close());
  expect(there.info.platform).toBe("browser");
  expect(there.losses).toHaveLength(10);
  const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);
  const apart = [...here.losses.map((loss, i) => relative(there.losses[i] ?? NaN, loss)), relative(there.validationLoss, here.validationLoss)];
  expect(apart.filter((difference) => !(difference <= lossTolerance)), `differences: ${apart.map((d) => d.toExponential(1)).join(" ")}`).toEqual([]);
}
