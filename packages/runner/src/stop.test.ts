import { withDevice } from "@roentgen/tensor/testing/node";
import { expect, it } from "vitest";
import { parseStudy } from "./config.ts";
import type { StudyEvent } from "./events.ts";
import { randomInit } from "./inits.ts";
import type { Predictions } from "./predictions.ts";
import { reportHtml } from "./report-html.ts";
import { memoryStore } from "./store.ts";
import { runStudy } from "./study.ts";
import { syntheticDataset } from "./synthetic.fixture.ts";

const study = (kind: "multiclass" | "mask") => parseStudy(`
name: stopped
inits: [random]
trials: 2
tasks:
  only:
    data: ${kind}
    model: { kind: ${kind === "mask" ? "unet" : "resnet"}, depth: 18 }
    size: 32
    batch: 4
    epochs: 5
    patience: 5
    loss: ${kind === "mask" ? "dice" : "cross-entropy"}
    optimizer: { kind: sgd, lr: 0.001 }
`);

const environment = { roentgen: "test", commit: null, runtime: "test", system: "test", adapter: { vendor: "", architecture: "", device: "", description: "", software: true, toggles: [] } };

withDevice("a study that is ended by hand", (device) => {
  for (const { when, kind, epochs, bestEpoch } of [
    { when: "before an epoch is complete", kind: "multiclass", epochs: 0, bestEpoch: -1 },
    { when: "after an epoch", kind: "mask", epochs: 1, bestEpoch: 0 },
  ] as const) {
    it(`${when} tests what it has, says so, and begins no further trial`, async () => {
      const finish = new AbortController();
      const listener = (event: StudyEvent) => event.kind === (epochs === 0 ? "compile" : "epoch") && finish.abort();
      const store = memoryStore();
      const shown: Predictions[] = [];
      const report = await runStudy({
        config: study(kind), device: device(), datasets: async () => syntheticDataset(kind), inits: new Map([["random", randomInit]]), store, environment, listener,
        finish: finish.signal, predictions: (p) => shown.push(p),
      });
      expect(report.trials).toHaveLength(1);
      expect(report.trials[0]).toMatchObject({ bestEpoch, stopped: { planned: 15, stepsPerEpoch: 3 } });
      expect(report.trials[0]?.epochs).toHaveLength(epochs);
      expect(report.trials[0]?.headline).toEqual(expect.any(Number));
      expect(reportHtml(report)).toContain(`stopped by hand after ${3 * epochs} of at most 15 steps`);
      // Another run must not take it for finished.
      expect([...store.files.keys()].sort()).toEqual(["kernels.json", "models/only-random-0.safetensors", "report.csv", "report.html", "report.json"]);

      const tested = shown.filter((p) => p.split === "test").flatMap((p) => p.images);
      expect(tested.map((image) => image.file)).toEqual(syntheticDataset(kind).split("test").map((sample) => sample.file));
      expect(shown.some((p) => p.split === "val")).toBe(epochs > 0);
      for (const { probabilities, image, mask, labels } of tested) {
        expect(image).toHaveLength(32 * 32 * 3);
        if (kind === "mask") expect([probabilities.length, mask?.length]).toEqual([32 * 32, 32 * 32]);
        else expect([probabilities.reduce((a, b) => a + b, 0), labels.length]).toEqual([expect.closeTo(1, 5), 1]);
      }
    });
  }
});
