// The README's examples are run as they stand: its TypeScript, and its `npx roentgen` lines.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = (language: string): string[] => [...readme.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map((m) => m[1] ?? "");
const folder = mkdtempSync(join(root, "test", ".readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

const fromSources = ["--import", "tsx", "--conditions=source"];
const node = (args: readonly string[]): string => execFileSync(process.execPath, [...fromSources, ...args], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

describe.skipIf(process.env.ROENTGEN_REQUIRE_GPU !== "1")("the README's examples", () => {
  it("train: three losses, each below the one before", () => {
    const [example = ""] = blocks("ts");
    const file = join(folder, "example.ts");
    writeFileSync(file, example);
    const losses = node([file]).trim().split("\n").map(Number);
    expect(losses).toHaveLength(3);
    expect(losses.filter((loss, i) => Number.isFinite(loss) && loss < (losses[i - 1] ?? Infinity))).toEqual(losses);
  });

  const commands = blocks("sh").flatMap((block) => block.split("\n")).flatMap((line) => /^npx roentgen (.*?)\s*(#|$)/.exec(line)?.[1] ?? []);
  it.each(commands)("roentgen %s", (command) => {
    expect(node(["apps/cli/src/main.ts", ...command.split(" ")]).length).toBeGreaterThan(100);
  });

  it("shows the layer picture that CONTRIBUTING.md explains", () => {
    const picture = /apps\/cli {2}apps\/web[^]*error classes/.exec(readme)?.[0] ?? "none";
    expect(readFileSync(join(root, "CONTRIBUTING.md"), "utf8")).toContain(picture);
  });
});
