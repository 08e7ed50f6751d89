// What the browser tests call. Nothing links here, and only a build in mode `test` contains it.

import { urlSource } from "@roentgen/data";
import { openDevice } from "@roentgen/gpu/browser";
import { type OpCase, runCase } from "@roentgen/tensor/testing";
import { collectTasks, matmul, record, spec } from "@roentgen/tensor";
import type { CaseReport, Checks } from "./checks.ts";
import { kernelsFor } from "./tuning.ts";
import { shortFineTune } from "../../../test/shared/short-fine-tune.ts";

const modules = import.meta.glob<{ readonly cases: readonly OpCase[] }>("../../../packages/tensor/src/ops/*.cases.ts", { eager: true });

/** Every case of every op, file by file. A file has a device of its own: an error that loses it ends with the file. */
async function runCases(): Promise<CaseReport[]> {
  const reports: CaseReport[] = [];
  for (const [path, { cases }] of Object.entries(modules)) {
    const device = await openDevice();
    const problems: string[] = [];
    const began = performance.now();
    for (const test of cases) {
      problems.push(...(await runCase(device, test).catch((error: unknown) => [`${test.name}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`])));
    }
    device.close();
    reports.push({ file: path.slice(path.lastIndexOf("/") + 1), cases: cases.length, timeMs: performance.now() - began, problems });
  }
  return reports;
}

async function tuneTwice(): ReturnType<Checks["tuneTwice"]> {
  const [winners, measured] = [[] as string[], [] as number[]];
  for (let visit = 0; visit < 2; visit++) {
    const device = await openDevice();
    const tasks = collectTasks(device, () => record(device, "product", (a, b) => matmul(a, b), [spec("f32", [32, 16]), spec("f32", [16, 32])]).dispose());
    let told = 0;
    winners.push(...(await kernelsFor(device, tasks, true, () => told++)).values());
    measured.push(told);
    device.close();
  }
  return { winners, measured };
}

/** The ten steps that Node takes as well, and what they ran on. */
async function fineTune(): ReturnType<Checks["fineTune"]> {
  const device = await openDevice();
  try {
    return { ...(await shortFineTune(device, urlSource(new URL("demo/plane/", document.baseURI)))), info: device.info };
  } finally {
    device.close();
  }
}

Object.assign(window, { checks: { runCases, tuneTwice, fineTune } satisfies Checks });
