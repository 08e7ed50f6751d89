// npm run bench: `roentgen bench` from a fresh clone, with the GPU driver found. Arguments are the command's:
// npm run bench -- conv2d replay --json results.json --seconds 2

import { join } from "node:path";
import { build, checkNode, ensureDependencies, main } from "./bootstrap.mjs";
import { runForeground } from "./children.mjs";
import { ensureDriver } from "./driver.mjs";
import { root } from "./places.mjs";

await main(async () => {
  checkNode();
  await ensureDependencies();
  await build(["build"]);
  const driver = await ensureDriver();
  return runForeground(process.execPath, [join(root, "apps/cli/dist/main.js"), "bench", ...process.argv.slice(2)], { cwd: root, env: { ...process.env, ...driver.env } });
});
