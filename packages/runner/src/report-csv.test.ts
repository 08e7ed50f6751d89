import { expect, it } from "vitest";
import { reportCsv } from "./report-csv.ts";
import type { TrialResult } from "./results.ts";

const trial = (more: Partial<TrialResult>): TrialResult => ({
  name: "plane-random-0", task: "plane", init: "random", seed: 7, epochs: [], bestEpoch: 4, steps: 60, losses: [], headline: 0.9, predictions: null, examples: [], model: null, seconds: 12.5,
  scores: { kind: "classification", classes: ["axial", "=sagittal"], auc: [0.1 + 0.2, null], meanAuc: 0.9, accuracy: 0.8, sensitivity: [1, 0.5], specificity: [0.25, null], confusion: null },
  ...more,
});

it("has a line for each score of each trial, numbers that read back to the same bits, and nothing where a score is not defined", () => {
  const masks = trial({
    name: "brain-file_a-0", init: 'file:"a".pth', bestEpoch: -1, stopped: { planned: 60, stepsPerEpoch: 30 },
    scores: { kind: "segmentation", dicePooled: 0.5, diceMean: null, iouPooled: 1 / 3, iouMean: 0.25, sensitivity: 1, specificity: 1e-9, dicePerImage: [] },
  });
  expect(reportCsv({ trials: [trial({}), masks] }).split("\r\n")).toEqual([
    "trial,task,init,seed,stopped,best epoch,steps,seconds,score,class,value",
    "plane-random-0,plane,random,7,0,5,60,12.5,mean AUC,,0.9",
    "plane-random-0,plane,random,7,0,5,60,12.5,accuracy,,0.8",
    "plane-random-0,plane,random,7,0,5,60,12.5,AUC,axial,0.30000000000000004",
    "plane-random-0,plane,random,7,0,5,60,12.5,sensitivity,axial,1",
    "plane-random-0,plane,random,7,0,5,60,12.5,specificity,axial,0.25",
    "plane-random-0,plane,random,7,0,5,60,12.5,AUC,'=sagittal,",
    "plane-random-0,plane,random,7,0,5,60,12.5,sensitivity,'=sagittal,0.5",
    "plane-random-0,plane,random,7,0,5,60,12.5,specificity,'=sagittal,",
    ...["Dice pooled,,0.5", "Dice mean,,", "IoU pooled,,0.3333333333333333", "IoU mean,,0.25", "sensitivity,,1", "specificity,,1e-9"].map((score) => `brain-file_a-0,plane,"file:""a"".pth",7,1,,60,12.5,${score}`),
    "",
  ]);
});
