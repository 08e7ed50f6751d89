// The command line as a user meets it: a process of its own, run from sources.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProfileReport, Report, Trace } from "@roentgen/runner";
import { withDevice } from "@roentgen/tensor/testing/node";
import { afterAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "roentgen-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `roentgen`; `watch` sees standard error as it comes and may send a signal. */
function roentgen(args: readonly string[], { env = {}, watch = () => undefined }: { env?: NodeJS.ProcessEnv; watch?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--conditions=source", "--import", "tsx", join(root, "apps/cli/src/main.ts"), ...args], { cwd: root, env: { ...process.env, ROENTGEN_DEBUG: "", ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      watch(stderr, (signal) => child.kill(signal));
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

describe("roentgen", () => {
  it("prints its version", async () => {
    expect(await roentgen(["--version"])).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
  });

  it.each([
    ["no command", [], /^Usage: roentgen/],
    ["an unknown command", ["sumary"], /^error: unknown command 'sumary'\n\(Did you mean summary\?\)/],
    ["a model that does not exist", ["summary", "resnet51"], /^ConfigError: no model is called "resnet51"\. [^\n]*\n$/],
    ["a kept model that does not exist", ["predict", "none.safetensors", "x.png"], /^ConfigError: none\.safetensors is no file\. [^\n]*\n$/],
    ["a study that does not exist", ["run", "none.yaml"], /^ConfigError: none\.yaml is no file\. [^\n]*\n$/],
  ])("ends with 2 and says why for %s", async (_, args, said) => {
    const { code, stdout, stderr } = await roentgen(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(said);
  });

  it("summarises the study's U-Net to its exact size", async () => {
    const { code, stdout } = await roentgen(["summary", "unet-resnet50", "--input", "64", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ model: "unet-resnet50", input: [1, 64, 64, 3], parameters: 32_521_105, tensors: 380 });
  });

  it("says what is missing and how to get it where there is no driver, and ends with 1", async () => {
    const { code, stdout } = await roentgen(["doctor", "--json"], { env: { VK_DRIVER_FILES: "/nowhere/icd.json" } });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ adapter: null, problems: [{ fatal: true, fix: expect.stringMatching(/\w/) }] });
  });
});

withDevice("roentgen with a device", () => {
  it("finds the adapter", async () => {
    const { code, stdout } = await roentgen(["doctor", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ adapter: { platform: "node", limits: { maxBufferSize: expect.any(Number) } } });
  });

  it("refuses an adapter that is not there", async () => {
    const { code, stderr } = await roentgen(["profile", "resnet18", "--adapter", "no such adapter"]);
    expect(code).toBe(2);
    expect(stderr).toContain('ConfigError: no adapter named "no such adapter"');
  });

  it("profiles a training step: JSON, a Chrome trace, a page, and a comparison with an earlier profile", { timeout: 120_000 }, async () => {
    const [trace, page, before] = ["trace.json", "profile.html", "before.json"].map((name) => join(folder, name)) as [string, string, string];
    const work = ["profile", "resnet18", "--train", "--batch", "2", "--size", "32", "--repeats", "1"];
    const { code, stdout } = await roentgen([...work, "--json", "--trace", trace, "--html", page]);
    expect(code).toBe(0);
    const { dispatches, ops, kernels, layers, totalMs, ceilings, plain, memory, adapter } = JSON.parse(stdout) as ProfileReport;
    expect(totalMs).toBeGreaterThan(0);
    for (const groups of [ops, kernels, layers]) expect(groups.reduce((sum, g) => sum + g.timeMs, 0)).toBeCloseTo(totalMs, 6);
    expect(layers.map((l) => l.name)).toEqual(expect.arrayContaining(["conv1", "conv1 grad", "fc", "optimizer"]));
    expect([ceilings.gflopPerSecond, ceilings.gigabytesPerSecond, ceilings.launchMs, plain.encodeMs, memory.peakLiveBytes].every((figure) => figure > 0)).toBe(true);
    // What computes counts its operations; the fully connected layer of two images: 2 x 512 x 1000 multiply-adds.
    expect(dispatches.find((d) => d.layer === "fc")?.flops).toBe(2 * 2 * 512 * 1000);
    expect(adapter.toggles).toContain("-timestamp_quantization");
    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as Trace;
    for (const track of [1, 2]) expect(traceEvents.filter((e) => e.ph === "X" && e.pid === track && "kernel" in e.args).map((e) => e.name)).toEqual(dispatches.map((d) => d.label));
    expect(readFileSync(page, "utf8")).toMatch(/<svg aria-label="Roofline: /);

    // A hundred times faster, in an invented past.
    writeFileSync(before, JSON.stringify({ ...(JSON.parse(stdout) as ProfileReport), totalMs: totalMs / 100, mostMs: totalMs / 100 }));
    const slower = await roentgen([...work, "--compare", before, "--fail-if-slower", "1000%"]);
    expect(slower.code).toBe(1);
    expect(slower.stderr).toMatch(/^slower: dispatches took/m);
    expect(slower.stdout).toContain("Before and after, by layer");
  });

  const study = join(folder, "study.yaml");
  writeFileSync(study, `
name: small
title: Small
inits: [random]
trials: 1
tasks:
  plane:
    data: demo/plane
    model: { kind: resnet, depth: 18 }
    size: 32
    batch: 8
    epochs: 2
    patience: 2
    loss: cross-entropy
    optimizer: { lr: 0.001 }
`);

  /** What a run found, without what a clock decides. */
  const numbers = (out: string): unknown => {
    const { trials, cells } = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as { trials: { losses: number[]; headline: number; predictions: unknown }[]; cells: unknown };
    return { cells, trials: trials.map(({ losses, headline, predictions }) => ({ losses, headline, predictions })) };
  };

  it("runs a study to its report; interrupted, it saves, and the same command goes on to the same numbers", async () => {
    const [whole, parts] = [join(folder, "whole"), join(folder, "parts")];
    const first = await roentgen(["run", study, "--out", whole]);
    expect(first.code).toBe(0);
    expect(first.stderr).toContain("plane: ResNet-18");
    expect(first.stdout).toMatch(/plane: Mean AUC, % of the test set\n {2}init +n +mean ± SD/);
    expect(first.stdout).toMatch(new RegExp(`Report: ${join(whole, "report.html")}\n$`));
    expect(readFileSync(join(whole, "report.html"), "utf8")).toContain("<title>Small</title>");
    expect(existsSync(join(whole, "models/plane-random-0.safetensors"))).toBe(true);

    let sent = false;
    const interrupted = await roentgen(["run", study, "--out", parts], {
      watch: (stderr, kill) => {
        if (sent || !stderr.includes("epoch 1, step")) return;
        sent = true;
        kill("SIGINT");
      },
    });
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain("Finishing this step and saving");
    expect(interrupted.stderr).toMatch(/StudyInterrupted: .*Run the same command again to go on\.\n$/);
    expect(existsSync(join(parts, "report.json"))).toBe(false);

    const resumed = await roentgen(["run", study, "--out", parts, "--json"]);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toMatch(/going on after step \d+/);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ name: "small", folder: parts, unavailable: {}, cells: [{ task: "plane", init: "random", headline: { n: 1 } }] });
    expect(numbers(parts)).toEqual(numbers(whole));
  }, 300_000);

  it("predicts the study's test images as its report does, bit for bit", async () => {
    const model = join(folder, "whole/models/plane-random-0.safetensors");
    const { predictions } = (JSON.parse(readFileSync(join(folder, "whole/report.json"), "utf8")) as Report).trials[0] ?? {};
    const files = predictions?.files.map((file) => `packages/data/demo/plane/${file}`) ?? [];
    const { code, stdout } = await roentgen(["predict", model, ...files, "--json", "-"]);
    expect(code).toBe(0);
    const { images } = JSON.parse(stdout) as { images: { file: string; probabilities: number[] }[] };
    expect({ files: images.map(({ file }) => file), probabilities: images.map(({ probabilities }) => probabilities) }).toEqual({ files, probabilities: predictions?.probabilities });
    // Another order changes a row's neighbours, and no bit.
    const csv = await roentgen(["predict", model, "packages/data/demo/plane/test", "--csv", "-"]);
    const lines = csv.stdout.trim().split("\r\n");
    expect(lines[0]).toBe("file,axial,coronal,sagittal,predicted");
    expect(lines).toHaveLength(1 + files.length);
    expect(lines).toContain(`${files[0]},${images[0]?.probabilities.join(",")},${["axial", "coronal", "sagittal"][images[0]?.probabilities.indexOf(Math.max(...images[0].probabilities)) ?? -1]}`);
    const table = await roentgen(["predict", model, files[0] ?? ""]);
    expect(table.stdout).toMatch(/^file +predicted +axial +coronal +sagittal\n/);
  }, 120_000);

  it("stops a prediction on request, with nothing half written", async () => {
    const csv = join(folder, "stopped.csv");
    const stopped = await roentgen(["predict", join(folder, "whole/models/plane-random-0.safetensors"), "packages/data/demo/plane/test", "--csv", csv], { watch: (stderr, kill) => stderr.endsWith("compiling …\n") && kill("SIGINT") });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain("Finishing this batch; Ctrl-C again leaves at once.");
    expect(stopped.stderr).toMatch(/Interrupted: stopped after \d+ of \d+ images; nothing was written\.\n$/);
    expect(existsSync(csv)).toBe(false);
  });

  it("says nothing but the result with --quiet", async () => {
    const again = await roentgen(["run", study, "--out", join(folder, "whole"), "--quiet"]);
    expect(again.code).toBe(0);
    expect(again.stderr.replace(/^Warning: .*\n/gm, "")).toBe("");
    expect(again.stdout).toContain("Report: ");
  });
});
