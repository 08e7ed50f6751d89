// A built page in a real browser, for tests: the site as a visitor gets it, with the test page beside it.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { preview, type PreviewServer } from "vite";

const root = join(import.meta.dirname, "../..");
const web = join(root, "apps/web");

export const browserPath = process.env.ROENTGEN_CHROMIUM ?? "/usr/bin/chromium";
export const hasBrowser = existsSync(browserPath);

const flags = ["--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars"];
/** Makes Chromium offer its software adapter, SwiftShader. */
const withWebGpu = "--enable-unsafe-webgpu";

export interface Site {
  readonly url: string;
  /** Opens a browser with a profile of its own, and a page that collects complaints and where it went. */
  open(options?: { readonly webGpu?: boolean }): Promise<Visit>;
  close(): Promise<void>;
}

export interface Visit {
  readonly page: Page;
  /** Errors on the console, refusals of the content policy among them, and uncaught errors. */
  readonly complaints: string[];
  /** Origins of every request, `blob:` and `data:` left out. */
  readonly origins: Set<string>;
  close(): Promise<void>;
}

/** Builds apps/web in mode `test` into a temporary folder and serves it on 127.0.0.1. */
export async function serveSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), "roentgen-web-"));
  const build = ["build", web, "--mode", "test", "--outDir", folder, "--emptyOutDir", "--logLevel", "warn"];
  await promisify(execFile)(process.execPath, [join(root, "node_modules/vite/bin/vite.js"), ...build], { cwd: web, env: { ...process.env, NODE_ENV: "production" } });
  const server: PreviewServer = await preview({ root: web, build: { outDir: folder }, preview: { host: "127.0.0.1", port: 0 }, logLevel: "silent" });
  const url = server.resolvedUrls?.local[0] ?? "";
  const visits = new Set<Visit>();
  return {
    url,
    async open({ webGpu = true } = {}) {
      const visit = await openBrowser([...flags, ...(webGpu ? [withWebGpu] : [])], () => visits.delete(visit));
      visits.add(visit);
      return visit;
    },
    async close() {
      for (const visit of visits) await visit.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openBrowser(args: string[], onClose: () => void): Promise<Visit> {
  const profile = mkdtempSync(join(tmpdir(), "roentgen-profile-"));
  // The browser brings a driver of its own and shall not look for Node's.
  const { VK_DRIVER_FILES: _, VK_ICD_FILENAMES: __, ...env } = process.env;
  const context: BrowserContext = await chromium.launchPersistentContext(profile, { headless: false, executablePath: browserPath, args, env, viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  context.on("request", (request) => /^(blob|data):/.test(request.url()) || origins.add(new URL(request.url()).origin));
  return {
    page, complaints, origins,
    async close() {
      onClose();
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
