// How the command line ends: one line for a person, a status for a script.

import { RoentgenError } from "@roentgen/core";
import { CommanderError } from "commander";

/** What was under way ended on request, and kept no state to go on from. */
export class Interrupted extends RoentgenError {
  override name = "Interrupted";
  constructor(message: string, readonly exitCode: number) {
    super(message);
  }
}

export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Prints what went wrong to standard error, and gives the exit status. */
export function fail(error: unknown, write: (line: string) => void = (line) => process.stderr.write(`${line}\n`)): number {
  // Commander has already printed its help, its version or its complaint.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (!(error instanceof Error)) {
    write(`Error: ${String(error)}`);
    return exitCodes.failed;
  }
  write(process.env.ROENTGEN_DEBUG === "1" && error.stack ? error.stack : `${error.name}: ${error.message}`);
  switch (error.name) {
    case "ConfigError":
      return exitCodes.usage;
    case "StudyInterrupted":
    case "Interrupted":
      return "exitCode" in error && typeof error.exitCode === "number" ? error.exitCode : exitCodes.interrupted;
    default:
      return exitCodes.failed;
  }
}
