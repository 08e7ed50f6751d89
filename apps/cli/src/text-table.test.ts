import { expect, it } from "vitest";
import { textTable } from "./text-table.ts";

it("aligns names left and numbers right, and shortens long cells in the middle", () => {
  const rows = [{ name: "layer1.0.conv1 conv2d grad", n: 12345 }, { name: "fc", n: 7 }];
  expect(textTable(rows, [{ head: "layer", of: (r) => r.name, most: 12 }, { head: "n", of: (r) => String(r.n), right: true }])).toBe(
    ["layer             n", "------------  -----", "layer1… grad  12345", "fc                7"].join("\n"),
  );
});

it("lays out more rows than a call takes arguments", () => {
  expect(textTable(Array.from({ length: 200_000 }, (_, i) => i), [{ head: "n", of: String }]).split("\n").at(-1)).toBe("199999");
});
