// Small made-up data sets for tests: bright squares on noise, told apart by corner or outlined by a mask.

import { Rng } from "@roentgen/core";
import type { Dataset, Sample, SplitName } from "@roentgen/data";

const side = 32;

function sample(file: string, subject: string, label: number, masks: boolean): Sample {
  const rng = Rng.for(11, file);
  const data = new Uint8Array(side * side * 3);
  const mask = new Uint8Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const on = y < side / 2 === (label === 0) && x > 4 && x < 20 ? 1 : 0;
      mask[y * side + x] = on;
      data.fill(rng.int(60) + 150 * on, 3 * (y * side + x), 3 * (y * side + x) + 3);
    }
  }
  const image = { width: side, height: side, data };
  return { file, subject, labels: masks ? [] : [label], image, mask: masks ? { width: side, height: side, data: mask } : undefined };
}

/** Splits of 12 / 4 / 6 images, two classes in turn. */
export function syntheticDataset(kind: "multiclass" | "mask"): Dataset {
  const counts: Record<SplitName, number> = { train: 12, val: 4, test: 6 };
  const splits = new Map(Object.entries(counts).map(([split, n]) => [split, Array.from({ length: n }, (_, i) => sample(`${split}-${i}.png`, `subject-${split}`, i % 2, kind === "mask"))]));
  return {
    name: `synthetic-${kind}`, hash: `hash-of-${kind}`,
    task: { kind, classes: kind === "mask" ? ["square"] : ["top", "bottom"] },
    split: (name) => splits.get(name) ?? [],
  };
}
