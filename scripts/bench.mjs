// npm run bench: one benchmark after another, each in a process of its own. Names choose and options go to each of them:
// npm run bench -- conv2d replay --json results.json --budget 2

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build, checkNode, ensureDependencies, main } from "./bootstrap.mjs";
import { runForeground } from "./children.mjs";
import { ensureDriver } from "./driver.mjs";
import { SetupError, root, say } from "./places.mjs";

await main(async () => {
  checkNode();
  await ensureDependencies();
  await build(["build"]);
  const driver = await ensureDriver();
  const known = readdirSync(join(root, "bench")).filter((file) => file.endsWith(".bench.ts")).map((file) => file.slice(0, -".bench.ts".length)).sort();
  const given = process.argv.slice(2);
  const firstOption = given.findIndex((argument) => argument.startsWith("--"));
  const options = firstOption < 0 ? [] : given.slice(firstOption);
  const chosen = firstOption < 0 ? given : given.slice(0, firstOption);
  const names = chosen.length > 0 ? chosen : known;
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new SetupError(`no benchmark ${unknown.join(", ")}. There are: ${known.join(", ")}.`);
  let failed = 0;
  for (const name of names) {
    say(`bench/${name}.bench.ts`);
    const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
    const code = await runForeground(process.execPath, [tsx, "--conditions=source", join(root, "bench", `${name}.bench.ts`), ...options], {
      cwd: root,
      env: { ...process.env, ...driver.env },
    });
    if (code >= 128) return code;
    if (code !== 0) failed++;
  }
  return failed > 0 ? 1 : 0;
});
