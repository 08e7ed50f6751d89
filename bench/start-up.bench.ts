import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openDevice } from "@roentgen/gpu/node";
import { bench } from "./harness.ts";
import { type EngineName, explained, PeerProcess } from "./peer-process.ts";
import { training } from "./training.ts";

const childFlag = "ROENTGEN_BENCH_START_UP";
const [batch, size] = [4, 64];

/** What a child process prints: milliseconds from opening the device to the end of each part. */
interface Parts {
  readonly opened: number;
  readonly recorded: number;
  readonly built: number;
  readonly firstStep: number;
  readonly secondStep: number;
  /** Processor time to the end of the first step, of all threads. */
  readonly processor: number;
}

if (process.env[childFlag]) {
  const start = performance.now();
  const since = () => performance.now() - start;
  const device = await openDevice();
  const opened = since();
  const { step, data } = training(device, { name: "resnet50", batch, size });
  const recorded = since();
  await step.build();
  const built = since();
  step.run(...data);
  await device.idle();
  const firstStep = since();
  const { user, system } = process.cpuUsage();
  step.run(...data);
  await device.idle();
  process.stdout.write(JSON.stringify({ opened, recorded, built, firstStep, secondStep: since(), processor: (user + system) / 1e3 } satisfies Parts));
  device.close();
} else {
  await bench("start-up", `how long from nothing to the first ResNet-50 step (batch ${batch}, ${size} pixels), with and without the driver's shader cache?`, async ({ peers, note, figure, target, missing }) => {
    for (const [cache, off] of [["nothing cached", "true"], ["fills the cache", "false"], ["driver's cache", "false"]] as const) {
      const parts = await ours(off);
      note(`${cache}: device open`, parts.opened / 1e3, "s");
      note(`${cache}: weights drawn, step recorded`, (parts.recorded - parts.opened) / 1e3, "s");
      note(`${cache}: pipelines compiled`, (parts.built - parts.recorded) / 1e3, "s");
      note(`${cache}: first step`, (parts.firstStep - parts.built) / 1e3, "s");
      note(`${cache}: second step`, (parts.secondStep - parts.firstStep) / 1e3, "s");
      note(`${cache}: processor time to the end of the first step`, parts.processor / 1e3, "s");
      if (cache === "fills the cache") continue;
      target(`first step, ${cache}`, parts.firstStep / 1e3);
    }
    // Of all engines alike: from the start of the process, Node or Python and imports counted in.
    const engines = ["roentgen", ...peers.filter((peer) => peer !== "ort")] as const;
    for (const [cache, off] of [["nothing cached", "true"], ["driver's cache", "false"]] as const) {
      const values: Record<string, number> = {};
      for (const engine of engines) {
        // The second of two that may use the cache finds all in it.
        if (off === "false") await firstStep(engine, off);
        const seconds = await firstStep(engine, off);
        if (typeof seconds === "number") values[engine] = seconds;
        else missing(engine, `start-up, ${cache}`, seconds);
      }
      figure({ name: `first ResNet-50 step from process start, ${cache}`, unit: "s", better: "less", values });
    }
  });
}

async function ours(cacheOff: string): Promise<Parts> {
  const env = { ...process.env, [childFlag]: "1", MESA_SHADER_CACHE_DISABLE: cacheOff };
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, ...process.argv.slice(1, 2)], { env });
  return JSON.parse(stdout) as Parts;
}

/** Seconds, or why there are none. */
async function firstStep(engine: EngineName, cacheOff: string): Promise<number | string> {
  const peer = new PeerProcess(engine, { env: { MESA_SHADER_CACHE_DISABLE: cacheOff } });
  try {
    const answer = await peer.ask({ work: { kind: "train", model: "resnet50", batch, size }, units: 1, budgetSeconds: 0, minSamples: 0, warmUp: 0 });
    if (!("samples" in answer) || answer.firstEndedAt === null) throw new Error(explained(engine, ("error" in answer && answer.error) || "no reason given"));
    return (answer.firstEndedAt - peer.startedAt) / 1e3;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    peer.close();
  }
}
