import type { Shape } from "@roentgen/core";
import { host64, type OpCase } from "../testing/op-case.ts";
import { imageToFloat } from "./image-to-float.ts";

export const imageCase = (shape: Shape, mean: readonly number[], std: readonly number[], seed = 0): OpCase => ({
  name: `imageToFloat [${shape}]`,
  inputs: [{ shape, dtype: "u8", range: [0, 255] }],
  run: (x) => imageToFloat(x, { mean, std }),
  reference: (x) => host64(x.shape, x.data.map((v, i) => (v / 255 - Math.fround(mean[i % mean.length] ?? 0)) / Math.fround(std[i % std.length] ?? 1))),
  seed,
});

export const imagenet = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]] as const;

export const cases: readonly OpCase[] = [
  imageCase([2, 5, 7, 3], ...imagenet),
  imageCase([1, 32, 32, 3], ...imagenet),
  imageCase([1, 3, 3, 1], [0.5056], [0.252]),
  imageCase([2, 4, 4, 4], [0, 0.1, 0.2, 0.3], [1, 2, 3, 4]),
];
