// npm run isa: what a GPU's compiler makes of the kernels, from a fresh clone. Arguments are bench/isa's.

import { join } from "node:path";
import { build, checkNode, ensureDependencies, main } from "./bootstrap.mjs";
import { runForeground } from "./children.mjs";
import { root } from "./places.mjs";

await main(async () => {
  checkNode();
  await ensureDependencies();
  await build(["generate"], { filter: "@roentgen/kernels" });
  return runForeground(process.execPath, ["--import", "tsx", "--conditions=source", join(root, "bench/isa/main.ts"), ...process.argv.slice(2)], { cwd: root, env: process.env });
});
