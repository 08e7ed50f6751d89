import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@roentgen/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashInThread } from "./file-hash.ts";

const rng = new Rng(4);
const bytes = Uint8Array.from({ length: 2_500_000 }, () => rng.u32());
const sumOf = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
let folder = "";
let file: FileHandle;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "roentgen-hash-"));
  writeFileSync(join(folder, "x"), bytes);
  file = await open(join(folder, "x"));
});
afterAll(async () => {
  await file.close();
  rmSync(folder, { recursive: true });
});

describe("hashInThread", () => {
  it("gives the SHA-256 of as much of the file as is asked for, and of several at once", async () => {
    const lengths = [bytes.length, 1 << 20, 1, 0];
    const sums = await Promise.all(lengths.map((length) => hashInThread(file.fd, length).sha256));
    expect(sums).toEqual(lengths.map((length) => sumOf(bytes.subarray(0, length))));
  });

  it("gives nothing for a file that became shorter, or once it is stopped", async () => {
    expect(await hashInThread(file.fd, bytes.length + 1).sha256).toBeNull();
    // So many that the thread does not come to the last one before that is stopped, however late this thread runs on.
    const before = Array.from({ length: 50 }, () => hashInThread(file.fd, bytes.length));
    const last = hashInThread(file.fd, bytes.length);
    await last.stop();
    expect(await last.sha256).toBeNull();
    expect(await before[0]?.sha256).toBe(sumOf(bytes));
  });

  it("tells what went wrong with the file", async () => {
    await expect(hashInThread(1 << 20, 1).sha256).rejects.toThrow("EBADF");
  });
});
