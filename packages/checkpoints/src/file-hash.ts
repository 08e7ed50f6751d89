// SHA-256 of a file in a thread of its own: hashing is most of the work of a conversion, and the rest need not wait for it. The
// thread takes as long to start as to hash 40 MB, so it stays for the next file; it keeps no program from ending.
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";

/**
 * Plain JavaScript, for a thread has no loader of TypeScript. It reads by position, so that it shares the descriptor with others.
 * Answers with the sum, null if the file became shorter or nobody wants to know any more, or the message of an error.
 */
const program = `
const { parentPort } = require("node:worker_threads");
const { readSync } = require("node:fs");
const { createHash } = require("node:crypto");
const chunk = new Uint8Array(1 << 20);
parentPort.on("message", ({ fd, bytes, unwanted, answer }) => {
  try {
    const hash = createHash("sha256");
    let at = 0;
    for (let read = 1; read > 0 && Atomics.load(unwanted, 0) === 0; at += read) {
      read = readSync(fd, chunk, 0, Math.min(chunk.length, bytes - at), at);
      hash.update(chunk.subarray(0, read));
    }
    answer.postMessage({ sha256: at === bytes ? hash.digest("hex") : null });
  } catch (error) {
    answer.postMessage({ message: String(error) });
  }
});`;

export interface Hashing {
  /** Lower-case hex; null if the file became shorter meanwhile, or it was stopped. */
  readonly sha256: Promise<string | null>;
  /** Ends it, done or not. The file may be closed after that. */
  readonly stop: () => Promise<void>;
}

type Answer = { readonly sha256: string | null } | { readonly message: string };

let thread: Worker | null = null;

/** Begins to hash the first `bytes` bytes of an open file. */
export function hashInThread(fd: number, bytes: number): Hashing {
  thread ??= startThread();
  const unwanted = new Int32Array(new SharedArrayBuffer(4));
  const { port1: answers, port2: answer } = new MessageChannel();
  const sha256 = new Promise<string | null>((resolve, reject) => {
    answers.once("message", (got: Answer) => ("message" in got ? reject(new Error(`internal: ${got.message}`)) : resolve(got.sha256)));
    answers.once("close", () => reject(new Error("internal: the hashing thread ended early.")));
  }).finally(() => answers.close());
  // Whoever stops it early does not look at it.
  const done = sha256.then(() => undefined, () => undefined);
  thread.postMessage({ fd, bytes, unwanted, answer } satisfies { answer: MessagePort; fd: number; bytes: number; unwanted: Int32Array }, [answer]);
  return {
    sha256,
    stop: () => {
      Atomics.store(unwanted, 0, 1);
      return done;
    },
  };
}

function startThread(): Worker {
  const worker = new Worker(program, { eval: true, execArgv: [], env: {} });
  worker.once("exit", () => (thread = null));
  worker.unref();
  return worker;
}
