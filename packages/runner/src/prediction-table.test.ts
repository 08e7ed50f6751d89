import { expect, it } from "vitest";
import { predictionsCsv } from "./prediction-table.ts";

it("CSV has a column for each class and what is predicted, and numbers that read back to the same bits", () => {
  const rows = [{ file: "a.png", values: [0.1 + 0.2, 0.7], predicted: ["mass"] }, { file: "b/c.png", values: [1e-9, 0.6], predicted: ["fluid", "mass"] }, { file: "d.png", values: [0, 0], predicted: [] }];
  expect(predictionsCsv({ kind: "multilabel", classes: ["fluid", "mass"] }, rows)).toBe("file,fluid,mass,predicted\r\na.png,0.30000000000000004,0.7,mass\r\nb/c.png,1e-9,0.6,fluid; mass\r\nd.png,0,0,\r\n");
  expect(predictionsCsv({ kind: "mask", classes: ["brain"] }, [{ file: "a.png", values: [0.25], predicted: [] }])).toBe("file,brain\r\na.png,0.25\r\n");
});

it("quotes what the format needs quoted, and lets no text begin a formula", () => {
  const rows = [{ file: 'one "a", two.png', values: [1e-7], predicted: ["=1+1"] }, { file: "-5.png", values: [1], predicted: ["line\nbreak"] }];
  expect(predictionsCsv({ kind: "binary", classes: ["@sum,1"] }, rows)).toBe('file,"\'@sum,1",predicted\r\n"one ""a"", two.png",1e-7,\'=1+1\r\n\'-5.png,1,"line\nbreak"\r\n');
});
