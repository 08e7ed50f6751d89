// The loop of an engine's process: read a request, prepare its work unless it is the one before, time it, answer.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { sample } from "../sampling.ts";
import { type Answer, type EngineFacts, type Message, type Request, separator, type Work } from "./protocol.ts";

/** Work of which everything is on the device. */
export interface Prepared {
  /** The work, `units` times over; ends when the device is idle. */
  run(): Promise<void>;
  probe?(): Promise<readonly number[]>;
  readonly losses?: readonly number[];
  readonly parameters?: number;
  dispose(): void;
}

/** What an engine can do, by kind of work. */
export type Engine = { readonly [K in Work["kind"]]?: (work: Extract<Work, { kind: K }>, units: number) => Promise<Prepared> };

/** Thrown by an engine that cannot do the work at all. */
export class Unsupported extends Error {}

const send = (message: Message) => void process.stdout.write(`${separator}${JSON.stringify(message)}\n`);

/** Answers requests until standard input ends. */
export async function serve(facts: EngineFacts, engine: Engine): Promise<void> {
  const held: { current: { key: string; prepared: Prepared } | null } = { current: null };
  send({ hello: facts });
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    const { id, work, units, budgetSeconds, minSamples, warmUp } = request;
    try {
      const key = JSON.stringify([work, units]);
      let firstEndedAt: number | null = null;
      if (held.current?.key !== key) {
        held.current?.prepared.dispose();
        held.current = null;
        // One entry's function takes the work of its own key, which TypeScript cannot see across a union.
        const prepare = engine[work.kind] as ((work: Work, units: number) => Promise<Prepared>) | undefined;
        if (!prepare) {
          send({ id, unsupported: `no ${work.kind}` });
          continue;
        }
        held.current = { key, prepared: await prepare(work, units) };
        await held.current.prepared.run();
        firstEndedAt = Date.now();
      }
      const { prepared } = held.current;
      const sampled = budgetSeconds > 0 ? await sample(() => prepared.run(), { budgetSeconds, minSamples, warmUp: Math.max(0, firstEndedAt === null ? warmUp : warmUp - 1) }) : null;
      const answer: Answer = {
        id, firstEndedAt,
        samples: (sampled?.ms ?? []).map((ms) => ms / units),
        cpuMs: sampled ? sampled.cpuMs / units : null,
        memory: residentMemory(),
        ...(prepared.probe && firstEndedAt !== null ? { probe: await prepared.probe() } : {}),
        ...(prepared.losses ? { losses: [...prepared.losses] } : {}),
        ...(prepared.parameters === undefined ? {} : { parameters: prepared.parameters }),
      };
      send(answer);
    } catch (error) {
      held.current = null;
      if (error instanceof Unsupported) send({ id, unsupported: error.message });
      else send({ id, error: error instanceof Error ? (error.stack ?? error.message).slice(0, 2000) : String(error) });
    }
  }
  process.exit(0);
}

/** In bytes. What the kernel counts for this program alone: getrusage also counts what its parent had when it started it. */
export function residentMemory(): { rss: number; peak: number | null } {
  let peak: number | null = null;
  if (process.platform === "linux") peak = 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? NaN);
  return { rss: process.memoryUsage.rss(), peak };
}
