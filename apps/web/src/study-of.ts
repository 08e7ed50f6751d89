import type { TaskKind } from "@roentgen/data";
import { parseStudy, type StudyConfig } from "@roentgen/runner";
import { type Choices, type DataChoice, type DataFacts, initName, usualRate, type WeightsFacts } from "./choices.ts";

/** The study of one trial that these choices mean. Throws ConfigError where they do not go together. */
export function studyOf({ data, weights, depth, size, batch, epochs, learningRate, seed, precision }: Choices, facts: DataFacts, loaded: Pick<WeightsFacts, "depth" | "numerics"> | null): StudyConfig {
  const { kind, name } = facts;
  const { strideOn = "3x3", padding = "symmetric", poolPadding, bnEps = 1e-5 } = loaded?.numerics ?? {};
  const losses = { mask: "bce+dice", multiclass: "cross-entropy", binary: "bce", multilabel: "bce" } as const satisfies Record<TaskKind, string>;
  // A mirror image or a turn may change what a stranger's label means; a crop hardly does.
  const crop = { area: [0.5, 1] };
  const augment = kind === "mask" ? "segmentation" : data.kind === "demo" ? { crop, flip: 0.5, rotateDegrees: 7 } : { crop };
  const task = {
    data: name, title: titleOf(data, name), size, batch, precision, epochs, patience: epochs, augment, loss: losses[kind],
    model: { kind: kind === "mask" ? "unet" : "resnet", depth: loaded?.depth ?? depth, strideOn, padding, poolPadding, eps: bnEps },
    optimizer: { kind: "adam", lr: learningRate ?? usualRate(kind) },
    schedule: { kind: "cosine", lag: 1 },
  };
  const study = { name: "tab", title: task.title, inits: [initName(weights)], trials: 1, seed, tasks: { [kind === "mask" ? "masks" : "classes"]: task } };
  return parseStudy(JSON.stringify(study), "the settings");
}

function titleOf(data: DataChoice, name: string): string {
  if (data.kind === "folder") return name;
  return data.set === "plane" ? "Which anatomical plane does a slice show?" : "Which pixels are brain?";
}
