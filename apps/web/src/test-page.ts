// What the browser tests call. Nothing links here, and only a build in mode `test` contains it.

import { urlSource } from "@roentgen/data";
import { openDevice } from "@roentgen/gpu/browser";
import { type OpCase, runCase } from "@roentgen/tensor/testing";
import { collectTasks, matmul, record, spec } from "@roentgen/tensor";
import type { CaseReport, Checks } from "./checks.ts";
import { kernelsFor } from "./tuning.ts";
import { shortFineTune } from "../../../test/shared/short-fine-tune.ts";

const modules = import.meta.glob<{ readonly cases: readonly OpCase[] }>("../../../packages/tensor/src/ops/*.cases.ts", { eager: true });

/** Every case of an op, on a device of their own: an error that loses it ends with the file. */
async function runFile(path: string, cases: readonly OpCase[]): Promise<CaseReport> {
  const device = await openDevice();
  const problems: string[] = [];
  const began = performance.now();
  for (const test of cases) {
    problems.push(...(await runCase(device, test).catch((error: unknown) => [`${test.name}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`])));
  }
  device.close();
  return { file: path.slice(path.lastIndexOf("/") + 1), cases: cases.length, timeMs: performance.now() - began, problems };
}

async function runCases(atOnce = 1): Promise<CaseReport[]> {
  const [reports, waiting] = [[] as CaseReport[], Object.entries(modules)];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) reports.push(await runFile(next[0], next[1].cases));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return reports;
}

async function tuneTwice(): ReturnType<Checks["tuneTwice"]> {
  const [winners, measured] = [[] as string[], [] as number[]];
  for (let visit = 0; visit < 2; visit++) {
    const device = await openDevice();
    const tasks = collectTasks(device, () => record(device, "product", (a, b) => matmul(a, b), [spec("f32", [32, 16]), spec("f32", [16, 32])]).dispose());
    let told = 0;
    winners.push(...(await kernelsFor(device, tasks, { measure: true, signal: new AbortController().signal, tell: () => told++ })).values());
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
