import { expect, it } from "vitest";
import { progressLine } from "./progress-line.ts";

it.each([
  [true, "\r\x1b[Kcompiling, 1 of 2 …\r\x1b[Kcompiling, 2 of 2 …\r\x1b[Ktiming, 1 of 5 …\r\x1b[K"],
  [false, "compiling …\ntiming …\n"],
])("tells how far it is; on a terminal (%s) in one line", (isTTY, expected) => {
  let text = "";
  const progress = progressLine({ isTTY, write: (part: string | Uint8Array) => ((text += String(part)), true) });
  progress.show("compiling", 1, 2);
  progress.show("compiling", 2, 2);
  progress.show("timing", 1, 5);
  progress.end();
  progress.end();
  expect(text).toBe(expected);
});
