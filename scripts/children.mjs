// Child processes: run one in the foreground as if it were this process, or run one quietly and keep what it said.

import { spawn } from "node:child_process";
import { constants } from "node:os";

/**
 * Runs a command with our terminal and gives its exit status.
 *
 * A terminal sends Ctrl-C to the whole group, so the child already has it and npm sends us another: passing that on
 * would look like a second, impatient Ctrl-C. Without a terminal nobody else tells the child, so one is passed on.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} options
 * @returns {Promise<number>}  128 + the signal's number where a signal ended it, as shells count
 */
export function runForeground(command, args, { env = process.env, cwd = process.cwd() } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd, stdio: "inherit" });
    const terminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
    let lastInterrupt = -Infinity;
    const interrupt = () => {
      const now = performance.now();
      if (!terminal && now - lastInterrupt > 1000) child.kill("SIGINT");
      lastInterrupt = now;
    };
    const terminate = () => child.kill("SIGTERM");
    const hangUp = () => child.kill("SIGHUP");
    process.on("SIGINT", interrupt).on("SIGTERM", terminate).on("SIGHUP", hangUp);
    const done = () => process.off("SIGINT", interrupt).off("SIGTERM", terminate).off("SIGHUP", hangUp);
    child.once("error", (error) => (done(), reject(error)));
    child.once("exit", (code, signal) => (done(), resolve(signal ? 128 + constants.signals[signal] : (code ?? 1))));
  });
}

/**
 * Runs a command without showing it.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, timeoutMs?: number }} options
 * @returns {Promise<{ code: number, stdout: string, output: string }>}  output is stdout and stderr as they came, the last 256 KiB
 */
export function runQuietly(command, args, { env = process.env, cwd = process.cwd(), timeoutMs = 0 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs, killSignal: "SIGKILL" });
    let stdout = "";
    let output = "";
    const keep = (/** @type {string} */ text) => text.slice(-(256 << 10));
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout = keep(stdout + text);
      output = keep(output + text);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (output = keep(output + text)));
    child.once("error", (error) => resolve({ code: 127, stdout, output: `${output}${error.message}\n` }));
    child.once("close", (code, signal) => resolve({ code: signal ? 128 + constants.signals[signal] : (code ?? 1), stdout, output }));
  });
}
