#!/usr/bin/env node
import { fail } from "./failure.ts";
import { createProgram } from "./program.ts";

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? (process.exitCode ?? 0) : fail(error));
});

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = fail(error);
}
