// The engine and the page in Firefox, whose WebGPU is not Chromium's and Node's (Dawn) but wgpu: another compiler of shaders, another
// judge of what is valid. On Linux it runs on the Vulkan driver that Node's tests run on.

import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CaseReport, Checks } from "../apps/web/src/checks.ts";
import { serveSite, type Site } from "./shared/browser-page.ts";
import { Firefox, hasFirefox } from "./shared/firefox.ts";
import { expectEveryCase, expectSameFineTuning } from "./shared/same-as-node.ts";

const pictures = join(tmpdir(), "roentgen-screenshots");

describe.skipIf(!hasFirefox)("in Firefox", () => {
  let site: Site;
  let firefox: Firefox;
  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    [site, firefox] = await Promise.all([serveSite(), Firefox.open()]);
  }, 240_000);
  afterAll(async () => {
    await firefox?.close();
    await site?.close();
  });

  /** What one of the test page's checks gives. */
  async function check<T>(call: string): Promise<T> {
    await firefox.goto(`${site.url}test.html`);
    await firefox.until("window.checks");
    return firefox.evaluate<T>(`return await window.checks.${call};`);
  }

  it("every case of every op passes, and none is left out", { timeout: 600_000 }, async () => {
    await expectEveryCase(await check<CaseReport[]>("runCases(6)"));
  });

  it("ten steps of fine-tuning agree with Node's", { timeout: 300_000 }, async () => {
    await expectSameFineTuning(await check<Awaited<ReturnType<Checks["fineTune"]>>>("fineTune()"));
  });

  it("the page trains and profiles", { timeout: 300_000 }, async () => {
    await firefox.goto(site.url);
    await firefox.until("!document.querySelector('#app').hidden");
    await firefox.evaluate(`
      window.refused = [];
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => window.refused.push(violatedDirective + " " + blockedURI));
      window.addEventListener("error", ({ message }) => window.refused.push(message));
      document.querySelector("input[value=brain]").click();
      for (const [id, value] of [["size", "32"], ["batch", "2"], ["epochs", "1"]]) {
        document.getElementById(id).value = value;
        for (const kind of ["input", "change"]) document.getElementById(id).dispatchEvent(new Event(kind, { bubbles: true }));
      }
      document.querySelector("#start").click();`);
    await firefox.until(`/^\\d/.test(document.querySelector("#loss").textContent)`, 120_000);
    await firefox.evaluate(`document.querySelector("#stop").click();`);
    await firefox.until(`document.querySelector("#downloads a")`, 120_000);
    expect(await firefox.evaluate("return document.querySelector('#headline').textContent;")).toMatch(/Dice over all pixels: \d.*Stopped after \d+ of at most 30 steps/);
    expect(await firefox.evaluate("return document.querySelectorAll('#predictions canvas').length;")).toBe(48);

    await firefox.evaluate(`document.querySelector("#profile-start").click();`);
    await firefox.until(`document.querySelector("#profile-status").textContent.startsWith("Done: resnet18, training step")`, 240_000);
    expect(await firefox.evaluate<number>("return document.querySelectorAll(\"#profile table[aria-label='By kernel'] tbody tr\").length;")).toBeGreaterThan(10);
    writeFileSync(join(pictures, "firefox.png"), await firefox.screenshot());
    expect(await firefox.evaluate("return window.refused;")).toEqual([]);
  });
});
