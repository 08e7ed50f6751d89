// Our own engine behind the peers' protocol: for memory and start-up, where each engine needs a process of its own.

import { readFileSync } from "node:fs";
import { openDevice } from "@roentgen/gpu/node";
import { training } from "../training.ts";
import { serve } from "./serve.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
const device = await openDevice();
const { description, device: adapter, toggles } = device.info;

await serve({ version, backend: description || adapter, toggles }, {
  async train({ model, batch, size }, units) {
    const { step, data, parameters, dispose } = training(device, { name: model, batch, size });
    const losses: number[] = [];
    return {
      losses, parameters, dispose,
      async run() {
        for (let i = 0; i < units; i++) losses.push(await step.run(...data).item());
      },
    };
  },
});
