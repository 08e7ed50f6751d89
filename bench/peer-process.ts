// Peers as processes: each is started when it is first asked, answers one request at a time, and ends with the benchmark.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Answer, type EngineFacts, type Message, type Refusal, type Request, separator } from "./peers/protocol.ts";

export const peerNames = ["tfjs", "jax-js", "ort", "torch", "torch-cuda"] as const;
export type PeerName = (typeof peerNames)[number];

/** Our own engine in a process of its own, for memory and start-up. */
export type EngineName = PeerName | "roentgen";

/** Peers from bench/peers' package.json. */
export const packaged: readonly EngineName[] = ["tfjs", "jax-js", "ort"];

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
export const peersFolder = path("./peers");
export const peersInstalled = (): boolean => existsSync(`${peersFolder}/node_modules/.package-lock.json`);

/** `python3`, or what ROENTGEN_PYTHON names. */
export const python = (): string => process.env.ROENTGEN_PYTHON ?? "python3";

/** Node's arguments to run TypeScript sources. */
export const nodeArguments = (): string[] => ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href, "--conditions=source"];

function commandOf(name: EngineName): readonly [string, readonly string[]] {
  const node = (file: string) => [process.execPath, [...nodeArguments(), path(`./peers/${file}`)]] as const;
  switch (name) {
    case "tfjs":
      return node("tfjs.ts");
    case "jax-js":
      return node("jax.ts");
    case "ort":
      return node("ort.ts");
    case "roentgen":
      return node("roentgen.ts");
    case "torch":
      return [python(), [path("./torch_peer.py"), "--threads", "2"]];
    case "torch-cuda":
      return [python(), [path("./torch_peer.py"), "--device", "cuda"]];
    default:
      return name satisfies never;
  }
}

/** The longest that one answer may take: the first step of a network, compiled by a software driver on busy cores. */
const answerMs = 20 * 60_000;

/** A peer that is not there, or that ended. */
export class PeerGone extends Error {}

export class PeerProcess {
  /** When the process was started, in milliseconds since 1970. */
  readonly startedAt = Date.now();
  readonly facts: Promise<EngineFacts>;
  readonly #child: ChildProcessWithoutNullStreams;
  #waiting: ((message: Message | PeerGone) => void) | null = null;
  #ended: PeerGone | null = null;
  #said = "";
  #asked = 0;

  // By default PyTorch's threads spin at every barrier: best on idle cores, and a hundred times slower than waiting on busy ones.
  static readonly #threads: Readonly<Record<string, string>> = { OMP_NUM_THREADS: "2", MKL_NUM_THREADS: "2", ...((loadavg()[0] ?? 0) > cpus().length ? { OMP_WAIT_POLICY: "PASSIVE" } : {}) };

  constructor(readonly name: EngineName, { env = {} }: { readonly env?: Readonly<Record<string, string>> } = {}) {
    const [command, args] = commandOf(name);
    this.#child = spawn(command, args, { env: { ...process.env, ...PeerProcess.#threads, ...env }, stdio: "pipe" });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#said = (this.#said + text).slice(-4000)));
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (line.startsWith(separator)) this.#deliver(JSON.parse(line.slice(1)) as Message);
    });
    this.#child.stdin.on("error", () => undefined);
    // In the middle of a step it would not see that its input ended.
    const end = () => void this.#child.kill("SIGKILL");
    process.once("exit", end);
    this.#child.once("close", () => process.off("exit", end));
    this.#child.once("error", (error) => this.#end(error.message));
    this.#child.once("close", (code, signal) => this.#end(`it ended with ${signal ?? code}: ${lastLines(this.#said)}`));
    this.facts = this.#next().then((message) => {
      if (!("hello" in message)) throw new PeerGone(`${name} did not say hello.`);
      return message.hello;
    });
    // Whoever never asks it must not be ended by it.
    this.facts.catch(() => undefined);
  }

  async ask(request: Omit<Request, "id">): Promise<Answer | Refusal> {
    await this.facts;
    const id = ++this.#asked;
    this.#child.stdin.write(`${JSON.stringify({ id, ...request } satisfies Request)}\n`);
    const message = await this.#next();
    if ("hello" in message || message.id !== id) throw new PeerGone(`internal: ${this.name} answered another question.`);
    return message;
  }

  close(): void {
    this.#child.stdin.end();
    const impatient = setTimeout(() => this.#child.kill("SIGKILL"), 3000);
    impatient.unref();
    this.#child.once("close", () => clearTimeout(impatient));
  }

  #next(): Promise<Message> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const late = setTimeout(() => {
        this.#child.kill("SIGKILL");
        this.#end(`no answer within ${answerMs / 60_000} minutes`);
      }, answerMs);
      this.#waiting = (message) => {
        clearTimeout(late);
        this.#waiting = null;
        if (message instanceof PeerGone) reject(message);
        else resolve(message);
      };
    });
  }

  #deliver(message: Message): void {
    this.#waiting?.(message);
  }

  #end(why: string): void {
    this.#ended ??= new PeerGone(explained(this.name, why));
    this.#waiting?.(this.#ended);
  }
}

const lastLines = (text: string): string => text.trim().split("\n").slice(-3).join(" ").slice(0, 600);

/** Why a peer is not there, and how to get it. */
export function explained(name: EngineName, why: string): string {
  if (name.startsWith("torch") && /No module named '(torch|safetensors)'|ENOENT/.test(why)) return "PyTorch not found: set ROENTGEN_PYTHON to a Python that has it";
  if (packaged.includes(name) && /ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND|Cannot find (module|package)/.test(why)) return "not installed: run npm ci --ignore-scripts --prefix bench/peers";
  return why;
}
