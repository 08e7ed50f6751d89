import { ConfigError, DeviceError } from "@roentgen/core";
import { CommanderError } from "commander";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fail, Interrupted } from "./failure.ts";

const failed = (error: unknown) => {
  const lines: string[] = [];
  return { code: fail(error, (line) => lines.push(line)), text: lines.join("\n") };
};

describe("fail", () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ["a failure", new DeviceError("no adapter."), 1, "DeviceError: no adapter."],
    ["a configuration that makes no sense", new ConfigError("lr: wrong."), 2, "ConfigError: lr: wrong."],
    ["an interruption", Object.assign(new Error("saved."), { name: "StudyInterrupted" }), 130, "StudyInterrupted: saved."],
    ["an interruption by another signal", Object.assign(new Error("saved."), { name: "StudyInterrupted", exitCode: 143 }), 143, "StudyInterrupted: saved."],
    ["an interruption of what keeps no state", new Interrupted("stopped.", 129), 129, "Interrupted: stopped."],
    ["help", new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"), 0, ""],
    ["wrong usage", new CommanderError(1, "commander.unknownOption", "unknown"), 2, ""],
    ["something thrown that is no error", "text", 1, "Error: text"],
  ])("gives %s its status and one line without a stack", (_, error, code, text) => {
    vi.stubEnv("ROENTGEN_DEBUG", "");
    expect(failed(error)).toEqual({ code, text });
  });

  it("adds the stack where ROENTGEN_DEBUG=1 asks for it", () => {
    vi.stubEnv("ROENTGEN_DEBUG", "1");
    expect(failed(new DeviceError("no adapter.")).text).toMatch(/DeviceError: no adapter\.\n +at /);
  });
});
