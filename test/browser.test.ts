// The engine and the page in a real browser, on its software adapter.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertFile } from "@roentgen/checkpoints/node";
import { decodeRgb } from "@roentgen/data";
import { demoFolder } from "@roentgen/data/node";
import type { ProfileReport, Report } from "@roentgen/runner";
import { unzipSync } from "fflate";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Checks } from "../apps/web/src/checks.ts";
import { browserPath, hasBrowser, serveSite, type Site, type Visit } from "./shared/browser-page.ts";
import { expectEveryCase, expectSameFineTuning } from "./shared/same-as-node.ts";

declare global {
  interface Window {
    readonly checks?: Checks;
  }
}

/** Screenshots of the last run, to look at. */
const pictures = join(tmpdir(), "roentgen-screenshots");

if (!hasBrowser && process.env.ROENTGEN_REQUIRE_GPU === "1") throw new Error(`no browser at ${browserPath}: \`npm test\` finds one; else set ROENTGEN_CHROMIUM to its path.`);

describe.skipIf(!hasBrowser)("in a browser", () => {
  let site: Site;
  let scratch: string;
  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "roentgen-browser-test-"));
    mkdirSync(pictures, { recursive: true });
    site = await serveSite();
  }, 240_000);
  afterAll(async () => {
    await site?.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function checks(): Promise<Visit> {
    const visit = await site.open();
    await visit.page.goto(`${site.url}test.html`);
    await visit.page.waitForFunction(() => window.checks !== undefined);
    return visit;
  }

  it("every case of every op passes, and none is left out", { timeout: 300_000 }, async () => {
    const visit = await checks();
    const reports = await visit.page.evaluate(() => (window.checks as Checks).runCases());
    await visit.close();
    await expectEveryCase(reports);
  });

  it("measured kernels are remembered", { timeout: 120_000 }, async () => {
    const visit = await checks();
    const { winners, measured } = await visit.page.evaluate(() => (window.checks as Checks).tuneTwice());
    await visit.close();
    expect(winners[0]).toBe(winners[1]);
    // A task that only the plain kernels can compute is not measured at all.
    expect(measured).toEqual([winners.length > 0 ? 1 : 0, 0]);
  });

  it("ten steps of fine-tuning agree with Node's", { timeout: 300_000 }, async () => {
    const visit = await checks();
    const there = await visit.page.evaluate(() => (window.checks as Checks).fineTune());
    await visit.close();
    await expectSameFineTuning(there);
  });

  it("the page trains, shows what it does, stops, and hands over its report and its model", { timeout: 300_000 }, async () => {
    const { page, complaints, origins, close } = await site.open();
    await page.goto(site.url);
    await page.locator("#app").waitFor({ state: "visible" });
    await expect.poll(() => page.textContent("#adapter")).toMatch(/software/);
    await shoot(page, "start");

    await page.check("input[value=brain]");
    await smallest(page);
    await page.click("#start");
    await page.locator("#loss", { hasText: /^\d/ }).waitFor({ timeout: 120_000 });
    await page.click("#stop");
    await page.locator("#downloads a").first().waitFor({ timeout: 120_000 });
    expect(await page.textContent("#headline")).toMatch(/Dice over all pixels: \d.*Stopped after \d+ of at most 30 steps/);
    expect(await page.locator("#predictions canvas").count()).toBe(48);
    expect(await page.locator("#predictions canvas:visible").count()).toBe(12);
    expect(await page.locator("#predictions canvas").first().getAttribute("aria-label")).toMatch(/^test\/.*\.png: Dice \d.* of the pixels marked, truth \d/);
    await page.click("#predictions-all");
    expect(await page.locator("#predictions canvas:visible").count()).toBe(48);
    expect(await page.textContent("#predictions-all")).toBe("Show the first 12");
    await page.click("#predictions-all");
    await shoot(page, "masks");
    const report = JSON.parse(readFileSync(await download(page, "report.json"), "utf8")) as Report;
    expect(report.trials[0]).toMatchObject({ name: "masks-random-0", stopped: { planned: 30 } });
    expect(report.environment.adapter.software).toBe(true);
    expect(readFileSync(await download(page, "report.html"), "utf8")).toContain("was stopped by hand after");

    // The model just made draws masks on images that have none; one that is broken is named, and the others are drawn.
    await page.locator("#use-model-facts", { hasText: "masks-random-0.safetensors: U-Net, ResNet-18, 32 px; masks of brain" }).waitFor();
    const slices = ["00", "01", "02"].map((n) => fileURLToPath(new URL(`brain/test/itk-t1-axial-${n}.png`, demoFolder)));
    const broken = join(scratch, "broken.png");
    writeFileSync(broken, "no image");
    await page.setInputFiles("#use-images-input", [...slices, broken]);
    await page.locator("#use-images-facts", { hasText: "4 images, broken.png to itk-t1-axial-02.png" }).waitFor();
    await page.focus("#use-start");
    await page.keyboard.press("Enter");
    expect(await page.isDisabled("#start")).toBe(true);
    await page.locator("#use-status", { hasText: "Done: 3 images with masks-random-0.safetensors." }).waitFor({ timeout: 120_000 });
    expect(await page.isDisabled("#start")).toBe(false);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("use-start");
    expect(await page.textContent("#use-problem")).toContain("Left out: 1 of 4 images.\nbroken.png: not a PNG that can be read");
    expect(await page.locator("#use-predictions canvas").count()).toBe(3);
    expect(await page.locator("#use-predictions canvas").first().getAttribute("aria-label")).toMatch(/^itk-t1-axial-00\.png: \d.* of the pixels marked$/);
    expect(readFileSync(await download(page, "predictions.csv", "#use-downloads", 50), "utf8")).toMatch(/^file,brain\r\nitk-t1-axial-00\.png,[\d.]+\r\nitk-t1-axial-01\.png,/);
    const masks = unzipSync(readFileSync(await download(page, "masks.zip", "#use-downloads", 50)));
    expect(Object.keys(masks)).toEqual(["itk-t1-axial-00.png", "itk-t1-axial-01.png", "itk-t1-axial-02.png"]);
    for (const [name, bytes] of Object.entries(masks)) {
      const [mask, image] = [await decodeRgb(bytes, name), await decodeRgb(readFileSync(fileURLToPath(new URL(`brain/test/${name}`, demoFolder))), name)];
      expect([mask.width, mask.height, new Set(mask.data)], name).toEqual([image.width, image.height, new Set([0, 255])]);
    }
    await shoot(page, "use-masks");

    // What PyTorch wrote is read in the page, and handed back as the command line would write it.
    const torch = join(import.meta.dirname, "../packages/checkpoints/fixtures/torch/resnet18.pth.gz");
    await page.setInputFiles("#weights-input", torch);
    await page.locator("#weights-facts", { hasText: "resnet18.pth.gz: ResNet-18" }).waitFor();
    await page.click("#weights-report summary");
    expect(await page.textContent("#weights-details")).toContain("gzip > torch-zip");
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#convert")]);
    expect(saved.suggestedFilename()).toBe("resnet18.safetensors");
    await saved.saveAs(join(scratch, "page.safetensors"));
    await convertFile(torch, join(scratch, "shell.safetensors"));
    expect(readFileSync(join(scratch, "page.safetensors")).equals(readFileSync(join(scratch, "shell.safetensors")))).toBe(true);
    await shoot(page, "weights");

    // The model just made, a U-Net, lends its encoder to a classifier of somebody's own images.
    const model = await download(page, "masks-random-0.safetensors");
    await page.setInputFiles("#weights-input", join(import.meta.dirname, "../package.json"));
    await page.locator("#weights-problem", { hasText: "CheckpointError" }).waitFor();
    await page.setInputFiles("#weights-input", model);
    await page.locator("#weights-facts", { hasText: "ResNet-18" }).waitFor();
    await page.setInputFiles("#folder-input", ownFolder());
    await page.locator("#folder-facts", { hasText: "own: multiclass axial, coronal, sagittal; 6 training, 3 validation, 6 test images" }).waitFor();
    await page.click("#start");
    await page.locator("#settings", { hasText: /^Run 2: own, ResNet-18 from masks-random-0.safetensors,/ }).waitFor({ timeout: 120_000 });
    await page.locator("#downloads a").first().waitFor();
    expect(await page.locator("#error").isVisible()).toBe(false);
    expect(await page.textContent("#headline")).toMatch(/Mean AUC: \d.*3 steps in/);
    expect(await page.locator("#predictions .tile").count()).toBe(6);
    expect(await page.textContent("#validation")).toMatch(/^\d/);
    await shoot(page, "classes");

    // The classifier says of a folder without a list what its report says of the same images, to the last bit.
    await page.locator("#use-model-facts", { hasText: "classes-file-0.safetensors: ResNet-18, 32 px; multiclass axial, coronal, sagittal" }).waitFor();
    await page.setInputFiles("#use-folder-input", join(scratch, "own/test"));
    await page.locator("#use-images-facts", { hasText: "6 images, test/" }).waitFor();
    await page.click("#use-start");
    await page.locator("#use-status", { hasText: "Done: 6 images" }).waitFor({ timeout: 120_000 });
    expect(await page.locator("#use-problem").isVisible()).toBe(false);
    const { predictions } = (JSON.parse(readFileSync(await download(page, "report.json"), "utf8")) as Report).trials[0] ?? {};
    const csv = readFileSync(await download(page, "predictions.csv", "#use-downloads", 50), "utf8").trim().split("\r\n").slice(1).map((line) => line.split(","));
    expect(new Map(csv.map(([file, ...cells]) => [file, cells.slice(0, 3).map(Number)]))).toEqual(new Map(predictions?.files.map((file, i) => [file, predictions.probabilities[i]])));
    expect(await page.locator("#use-predictions .tile").count()).toBe(6);
    expect(await page.locator("#use-predictions .tile .right, #use-predictions .tile .wrong").count()).toBe(0);
    await shoot(page, "use-classes");

    // One that was saved earlier will do as well, and an earlier run's is a press away.
    await page.setInputFiles("#use-model-input", model);
    await page.locator("#use-model-facts", { hasText: "masks-random-0.safetensors: U-Net" }).waitFor();
    await page.click("#downloads button:text-is('Use on images')");
    await page.locator("#use-model-facts", { hasText: "classes-file-0.safetensors: ResNet-18" }).waitFor();
    await page.click("#use-start");
    await page.click("#use-cancel");
    await page.locator("#use-status", { hasText: "Cancelled." }).waitFor();

    // The first run's files are still to be had.
    await page.locator("#earlier-list p", { hasText: "Run 1: brain, ResNet-18 from random weights, 32 px, batch 2, 1 epoch" }).waitFor();
    expect(JSON.parse(readFileSync(await download(page, "report.json", "#earlier-list"), "utf8"))).toEqual(report);

    // Who presses Stop twice wants nothing more of this run, which takes no other one along; the next one begins in a fresh worker.
    await page.focus("#epochs");
    await page.keyboard.press("Enter");
    await page.evaluate(() => [1, 2].forEach(() => (document.querySelector("#stop") as HTMLElement).click()));
    await page.locator("#status", { hasText: "Cancelled. Nothing of this run was kept; earlier results were." }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("epochs");
    expect(await page.locator("#downloads a").count()).toBe(4);
    await page.click("#start");
    await page.locator("#loss", { hasText: /^\d/ }).waitFor({ timeout: 120_000 });
    expect(await page.locator("#downloads a").count()).toBe(4);

    // Nothing goes without a question, unless it was saved.
    await page.click("#earlier-list button:text-is('Remove')");
    expect(await page.locator("#earlier").isVisible()).toBe(false);

    expect(complaints).toEqual([]);
    expect([...origins]).toEqual([new URL(site.url).origin]);
    await close();
  });

  it("the page profiles a network, shows what it found, and hands over its files", { timeout: 300_000 }, async () => {
    const { page, complaints, origins, close } = await site.open();
    await page.goto(site.url);
    await page.locator("#app").waitFor({ state: "visible" });
    await page.selectOption("#profile-size", "32");
    await page.fill("#profile-batch", "1");
    await page.selectOption("#profile-step", "forward");
    await page.click("#profile-start");
    expect(await page.isDisabled("#start")).toBe(true);
    await page.locator("#profile-status", { hasText: "Done: resnet18, forward pass, batch 1, 32 px." }).waitFor({ timeout: 240_000 });
    expect(await page.isDisabled("#start")).toBe(false);
    expect(await page.locator(".profile-charts svg circle").count()).toBeGreaterThan(10);
    expect(await page.locator(".flame > div").first().textContent()).toBe("resnet18, forward pass, batch 1, 32 px");
    expect(await page.locator("#profile table[aria-label='By kernel'] tbody tr").count()).toBeGreaterThan(3);
    await shoot(page, "profile");

    const report = JSON.parse(readFileSync(await download(page, "profile.json", "#profile"), "utf8")) as ProfileReport;
    expect(report.workload).toEqual({ model: "resnet18", train: false, precision: "f32", batch: 1, size: 32 });
    expect(report.adapter).toMatchObject({ platform: "browser", software: true });
    // Chromium's own feature spares a pass for each dispatch, where it is offered.
    const offered = await page.evaluate(async () => [...((await navigator.gpu.requestAdapter())?.features ?? [])]);
    expect(report.method).toBe(offered.includes("chromium-experimental-timestamp-query-inside-passes") ? "inside-pass" : offered.includes("timestamp-query") ? "pass" : "wall");
    // Chromium rounds timestamps; whatever the clock, each row of equal dispatches was long against its step.
    if (report.quantumNs > 10_000) for (const d of report.dispatches) expect(d.timeMs * d.inARow, d.label).toBeGreaterThan((5 * report.quantumNs) / 1e6);
    expect(report.layers.reduce((sum, layer) => sum + layer.timeMs, 0)).toBeCloseTo(report.totalMs, 6);
    expect(JSON.parse(readFileSync(await download(page, "trace.json", "#profile"), "utf8"))).toMatchObject({ displayTimeUnit: "ms" });
    expect(readFileSync(await download(page, "profile.html", "#profile"), "utf8")).toMatch(/<svg aria-label="Roofline: /);

    await page.fill("#profile-batch", "2");
    await page.click("#profile-start");
    await page.click("#profile-cancel");
    await page.locator("#profile-status", { hasText: "Cancelled." }).waitFor();
    expect(complaints).toEqual([]);
    expect([...origins]).toEqual([new URL(site.url).origin]);
    await close();
  });

  it("the page says beside a choice what is wrong with it, until a better one is made", { timeout: 120_000 }, async () => {
    const { page, complaints, close } = await site.open();
    await page.setViewportSize({ width: 375, height: 740 });
    await page.goto(site.url);
    await page.locator("#app").waitFor({ state: "visible" });
    const noIndex = mkdtempSync(join(scratch, "no-index-"));
    const badName = mkdtempSync(join(scratch, "bad-name-"));
    writeFileSync(join(noIndex, "a.jpg"), "");
    writeFileSync(join(badName, "index.json"), JSON.stringify({ name: "not a name", version: 1 }));
    const problem = page.locator("#folder-problem");

    await page.setInputFiles("#folder-input", noIndex);
    await problem.filter({ hasText: "no index.json" }).waitFor();
    expect(await problem.textContent()).toContain("Nothing is chosen.");
    const box = await problem.boundingBox();
    expect(box && box.y >= 0 && box.y + box.height <= 740).toBe(true);
    // What was asked for is not there, so nothing else is trained on in its place.
    await page.click("#start");
    await problem.filter({ hasText: "Choose a folder" }).waitFor();
    expect(await page.textContent("#status")).toMatch(/^Ready/);

    await page.setInputFiles("#folder-input", ownFolder());
    await page.locator("#folder-facts", { hasText: "own: " }).waitFor();
    expect(await problem.isVisible()).toBe(false);
    await page.setInputFiles("#folder-input", badName);
    await problem.filter({ hasText: "Still chosen: own." }).waitFor();

    // A file's name is shown as it is.
    await page.setInputFiles("#weights-input", { name: "whole-model.pth", mimeType: "", buffer: Buffer.from("no model") });
    await page.locator("#weights-problem", { hasText: "whole-model.pth: " }).waitFor();
    expect(await page.locator("#weights-problem p").first().evaluate((p) => getComputedStyle(p, "::first-letter").textTransform)).toBe("none");
    await page.check("input[value=random]");
    expect(await page.locator("#weights-problem").isVisible()).toBe(false);

    // A model and images to use it on are asked for, and looked at, where they are chosen.
    await page.click("#use-start");
    await page.locator("#use-model-problem", { hasText: "Choose a model" }).waitFor();
    await page.locator("#use-images-problem", { hasText: "Choose images" }).waitFor();
    await convertFile(join(import.meta.dirname, "../packages/checkpoints/fixtures/torch/resnet18.pth.gz"), join(scratch, "bare.safetensors"));
    await page.setInputFiles("#use-model-input", join(scratch, "bare.safetensors"));
    await page.locator("#use-model-problem", { hasText: "bare.safetensors: not a model kept by a roentgen study" }).waitFor();
    await page.setInputFiles("#use-folder-input", noIndex);
    await page.locator("#use-images-problem", { hasText: "There is no PNG among these (files: 1)" }).waitFor();
    await page.setInputFiles("#use-folder-input", join(scratch, "own"));
    await page.locator("#use-images-facts", { hasText: "15 images, own/test/" }).waitFor();
    expect(await page.locator("#use-images-problem").isVisible()).toBe(false);

    // A field that is wrong and folded away is opened to be seen.
    await page.click("summary:text-is('More')");
    await page.fill("#seed", "-1");
    await page.click("summary:text-is('More')");
    await page.click("#start");
    expect(await page.locator("#seed").isVisible()).toBe(true);
    await page.fill("#seed", "0");
    await page.click("#folder-format summary");
    await shoot(page, "problems");
    expect(complaints).toEqual([]);
    await close();
  });

  it("the page says what to enable where WebGPU is missing, and offers nothing to press", async () => {
    const { page, close } = await site.open({ webGpu: false });
    await page.goto(site.url);
    await page.locator("#unavailable").waitFor({ state: "visible" });
    expect(await page.textContent("#unavailable-text")).toMatch(/no adapter.*--enable-unsafe-webgpu/);
    expect(await page.locator("button:visible, input:visible, select:visible").count()).toBe(0);
    await shoot(page, "missing");
    await close();
  });

  /** The least that trains: 32 px, two images a step, one epoch. */
  async function smallest(page: Page): Promise<void> {
    await page.selectOption("#size", "32");
    await page.fill("#batch", "2");
    await page.fill("#epochs", "1");
  }

  async function download(page: Page, name: string, place = "#downloads", leastBytes = 1000): Promise<string> {
    const [file] = await Promise.all([page.waitForEvent("download"), page.locator(`${place} a`, { hasText: name }).click()]);
    expect(file.suggestedFilename()).toBe(name);
    const path = join(scratch, name);
    await file.saveAs(path);
    expect(statSync(path).size).toBeGreaterThan(leastBytes);
    return path;
  }

  /** A few of the demonstration's slices as a stranger's folder. */
  function ownFolder(): string {
    const listing = JSON.parse(readFileSync(new URL("plane/index.json", demoFolder), "utf8")) as { samples: { image: string; label: number; split: string }[] };
    const few = { train: 2, val: 1, test: 2 };
    const samples = Object.entries(few).flatMap(([split, count]) => [0, 1, 2].flatMap((label) => listing.samples.filter((s) => s.split === split && s.label === label).slice(0, count)));
    const folder = join(scratch, "own");
    for (const { image } of samples) {
      mkdirSync(dirname(join(folder, image)), { recursive: true });
      copyFileSync(new URL(`plane/${image}`, demoFolder), join(folder, image));
    }
    writeFileSync(join(folder, "index.json"), JSON.stringify({ ...listing, name: "own", samples }));
    return folder;
  }

  /** Four pictures of the page as it is: wide and narrow, light and dark. Nothing may stick out at the side. */
  async function shoot(page: Page, name: string): Promise<void> {
    for (const [width, height] of [[1280, 900], [390, 844]] as const) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
    await page.emulateMedia({ colorScheme: null });
    await page.setViewportSize({ width: 1280, height: 900 });
  }
});
