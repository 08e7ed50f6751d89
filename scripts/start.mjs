// npm start: from a clone to the demonstration study. Further arguments go to the command line instead:
// npm start -- doctor

import { join } from "node:path";
import { build, checkNode, ensureDependencies, main } from "./bootstrap.mjs";
import { runForeground } from "./children.mjs";
import { ensureDriver } from "./driver.mjs";
import { root } from "./places.mjs";

await main(async () => {
  checkNode();
  await ensureDependencies();
  await build(["build"], { filter: "@roentgen/cli" });
  const driver = await ensureDriver();
  const args = process.argv.slice(2);
  return runForeground(process.execPath, [join(root, "apps/cli/dist/main.js"), ...(args.length > 0 ? args : ["run", "studies/demo.yaml"])], {
    cwd: root,
    env: { ...process.env, ...driver.env },
  });
});
