import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openDevice } from "@roentgen/gpu/node";
import { bench } from "./harness.ts";
import { training } from "./training.ts";

const childFlag = "ROENTGEN_BENCH_START_UP";

/** What a child process prints: milliseconds from opening the device to the end of each part. */
interface Parts {
  readonly opened: number;
  readonly recorded: number;
  readonly built: number;
  readonly firstStep: number;
  readonly secondStep: number;
}

if (process.env[childFlag]) {
  const start = performance.now();
  const since = () => performance.now() - start;
  const device = await openDevice();
  const opened = since();
  const { step, data } = training(device, { name: "resnet50", batch: 4, size: 64 });
  const recorded = since();
  await step.build();
  const built = since();
  step.run(...data);
  await device.idle();
  const firstStep = since();
  step.run(...data);
  await device.idle();
  process.stdout.write(JSON.stringify({ opened, recorded, built, firstStep, secondStep: since() } satisfies Parts));
  device.close();
} else {
  await bench("start-up", "how long from nothing to the first ResNet-50 step (batch 4, 64 pixels), with and without the driver's shader cache?", async ({ note }) => {
    for (const [cache, off] of [["no cache", "true"], ["fills the cache", "false"], ["cached", "false"]] as const) {
      const env = { ...process.env, [childFlag]: "1", MESA_SHADER_CACHE_DISABLE: off };
      const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, ...process.argv.slice(1, 2)], { env });
      const parts = JSON.parse(stdout) as Parts;
      note(`${cache}: device open`, parts.opened / 1e3, "s");
      note(`${cache}: weights drawn, step recorded`, (parts.recorded - parts.opened) / 1e3, "s");
      note(`${cache}: pipelines compiled`, (parts.built - parts.recorded) / 1e3, "s");
      note(`${cache}: first step`, (parts.firstStep - parts.built) / 1e3, "s");
      note(`${cache}: second step`, (parts.secondStep - parts.firstStep) / 1e3, "s");
      note(`${cache}: all to the end of the first step`, parts.firstStep / 1e3, "s");
    }
  });
}
