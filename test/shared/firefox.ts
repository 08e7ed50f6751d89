// A stock Firefox without its window, for tests. Playwright wants a Firefox of its own; this one is driven by what it has built in,
// Marionette: JSON on a socket, each message after its length, commands as [0, id, name, parameters].

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const firefoxPath = process.env.ROENTGEN_FIREFOX ?? "/usr/bin/firefox-esr";
export const hasFirefox = existsSync(firefoxPath);

if (!hasFirefox && process.env.CI === "true") throw new Error(`no Firefox at ${firefoxPath}: \`npm test\` finds one; else set ROENTGEN_FIREFOX to its path.`);

/** On Linux WebGPU is off by default, and everywhere on software drivers; the rest keeps a test's Firefox from calling home. */
const preferences: Readonly<Record<string, boolean | number | string>> = {
  "dom.webgpu.enabled": true,
  "dom.webgpu.workers.enabled": true,
  "gfx.webgpu.ignore-blocklist": true,
  "marionette.port": 0,
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
};

export class Firefox {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: Socket;
  readonly #answers = new Map<number, (answer: readonly [error: { message: string } | null, result: unknown]) => void>();
  #received = Buffer.alloc(0);
  #sent = 0;

  private constructor(process: ChildProcess, profile: string, socket: Socket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.on("data", (data) => this.#receive(data));
    socket.on("close", () => this.#answers.forEach((answer) => answer([{ message: "Firefox has ended" }, null])));
  }

  /** Starts one with a profile of its own. Its WebGPU uses the same Vulkan driver as Node's. */
  static async open(): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), "roentgen-firefox-"));
    writeFileSync(join(profile, "user.js"), Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(""));
    // Without a home folder of the user's own Firefox does not start.
    const child = spawn(firefoxPath, ["--headless", "--no-remote", "--marionette", "--profile", profile, "about:blank"], { stdio: "ignore", env: { ...process.env, HOME: profile } });
    try {
      const socket = connect(await portOf(child, profile), "127.0.0.1");
      await once(socket, "connect");
      const firefox = new Firefox(child, profile, socket);
      await firefox.#command("WebDriver:NewSession", {});
      await firefox.#command("WebDriver:SetTimeouts", { script: 600_000, pageLoad: 60_000 });
      await firefox.#command("WebDriver:SetWindowRect", { width: 1280, height: 900 });
      return firefox;
    } catch (error) {
      await end(child, profile);
      throw error;
    }
  }

  async goto(url: string): Promise<void> {
    await this.#command("WebDriver:Navigate", { url });
  }

  /** What an asynchronous function with this body gives in the page. It must be JSON. */
  async evaluate<T>(body: string): Promise<T> {
    const script = `const told = arguments[arguments.length - 1];
      (async () => { ${body} })().then((value) => told({ value: JSON.stringify(value) }), (error) => told({ error: String(error) }));`;
    const { value } = (await this.#command("WebDriver:ExecuteAsyncScript", { script, args: [], newSandbox: true })) as { value: { value?: string; error?: string } };
    if (value.error !== undefined) throw new Error(value.error);
    return (value.value === undefined ? undefined : JSON.parse(value.value)) as T;
  }

  /** Resolves once an expression is true in the page. */
  async until(expression: string, timeoutMs = 60_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!(await this.evaluate<boolean>(`return !!(${expression});`))) {
      if (performance.now() > end) throw new Error(`not within ${timeoutMs / 1000} s: ${expression}; the page reads: ${(await this.evaluate<string>("return document.body.innerText;")).slice(0, 2000)}`);
      await sleep(200);
    }
  }

  /** A picture of the page, as a PNG. */
  async screenshot(): Promise<Buffer> {
    const { value } = (await this.#command("WebDriver:TakeScreenshot", { full: true })) as { value: string };
    return Buffer.from(value, "base64");
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await end(this.#process, this.#profile);
  }

  #command(name: string, parameters: object): Promise<unknown> {
    const id = this.#sent++;
    const message = JSON.stringify([0, id, name, parameters]);
    this.#socket.write(`${Buffer.byteLength(message)}:${message}`);
    return new Promise((resolve, reject) => {
      this.#answers.set(id, ([error, result]) => {
        this.#answers.delete(id);
        if (error) reject(new Error(`${name}: ${error.message}`));
        else resolve(result);
      });
    });
  }

  #receive(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      const end = colon + 1 + Number(this.#received.toString("utf8", 0, colon));
      if (colon < 0 || this.#received.length < end) return;
      const message: unknown = JSON.parse(this.#received.toString("utf8", colon + 1, end));
      this.#received = this.#received.subarray(end);
      // The first message is a greeting, no answer.
      if (Array.isArray(message)) this.#answers.get(message[1])?.([message[2], message[3]]);
    }
  }
}

/** Where it listens, which it writes into its profile. */
async function portOf(child: ChildProcess, profile: string): Promise<number> {
  const file = join(profile, "MarionetteActivePort");
  for (let waited = 0; waited < 60_000 && child.exitCode === null; waited += 100) {
    const port = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    if (port > 0) return port;
    await sleep(100);
  }
  throw new Error(`${firefoxPath} did not start`);
}

async function end(child: ChildProcess, profile: string): Promise<void> {
  if (child.exitCode === null && child.kill()) await once(child, "exit");
  // Its other processes may still be writing there.
  rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}
