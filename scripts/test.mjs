// npm test: from a clone to all tests, on a GPU or a software driver and in a real browser. The last line on stdout is
// always `N passed, N failed`. Further arguments go to vitest: npm test -- packages/core

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, checkNode, ensureDependencies, main } from "./bootstrap.mjs";
import { chromium, ensureBrowser, firefox } from "./browser.mjs";
import { runForeground, runQuietly } from "./children.mjs";
import { ensureDriver } from "./driver.mjs";
import { SetupError, root, say } from "./places.mjs";
import { AptSession } from "./private-apt.mjs";
import { closingLine, summarize } from "./summary.mjs";

let counts = summarize(undefined, 1);
try {
  await main(async () => {
    counts = await test(process.argv.slice(2));
    return counts.exitCode;
  });
} finally {
  process.stdout.write(`${closingLine(counts)}\n`);
}

/** @param {string[]} args */
async function test(args) {
  checkNode();
  await ensureDependencies();
  await build(["typecheck", "build"]);
  await typecheckRoot();
  const apt = new AptSession();
  const output = mkdtempSync(join(tmpdir(), "roentgen-test-"));
  try {
    const driver = await ensureDriver({ apt });
    say(`testing on ${driver.adapter.description || driver.adapter.device}`);
    // Whoever asks for some of the tests may not need a browser; those that do will say so. Only CI insists on two.
    const browsers = {
      ROENTGEN_CHROMIUM: await ensureBrowser(chromium, { apt }).catch(sayUnless(args.length === 0)),
      ROENTGEN_FIREFOX: await ensureBrowser(firefox, { apt }).catch(sayUnless(args.length === 0 && process.env.CI === "true")),
    };
    await apt.close();
    const json = join(output, "report.json");
    const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--reporter=default", "--reporter=json", `--outputFile.json=${json}`];
    const exitCode = await runForeground(process.execPath, [...vitest, ...args], {
      cwd: root,
      env: { ...process.env, ...driver.env, ROENTGEN_REQUIRE_GPU: "1", ...browsers },
    });
    return summarize(existsSync(json) ? JSON.parse(readFileSync(json, "utf8")) : undefined, exitCode);
  } finally {
    await apt.close();
    rmSync(output, { recursive: true, force: true });
  }
}

/**
 * What to do with a failure to set something up: it is said, unless it is essential.
 *
 * @param {boolean} essential
 */
function sayUnless(essential) {
  return (/** @type {unknown} */ error) => {
    if (!(error instanceof SetupError) || essential) throw error;
    say(error.message);
    return undefined;
  };
}

/** The tests, benchmarks and scripts at the top level, which belong to no workspace. */
async function typecheckRoot() {
  const { code, output } = await runQuietly(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"], { cwd: root });
  if (code !== 0) throw new SetupError(`the types do not fit:\n${output.trim()}`);
}
