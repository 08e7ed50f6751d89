#!/usr/bin/env node
// `npx roentgen` in a clone: the built command line, with the GPU driver that `npm start` found on this machine. The driver's
// variables must be there before the process starts, hence a child.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runForeground } from "../../../scripts/children.mjs";
import { driverEnvironment } from "../../../scripts/driver.mjs";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
if (existsSync(program)) {
  process.exitCode = await runForeground(process.execPath, [program, ...process.argv.slice(2)], { env: { ...process.env, ...driverEnvironment() } });
} else {
  console.error("roentgen: not built yet. Run `npm start -- --help` once: it installs, builds and finds a GPU driver.");
  process.exitCode = 1;
}
