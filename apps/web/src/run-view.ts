// The live half of the page: what a running study tells, as numbers, a curve and pictures, and what it leaves at the end.

import type { Predictions, StudyEvent, TrialResult } from "@roentgen/runner";
import { byId, element } from "./dom.ts";
import type { MadeFile } from "./job.ts";
import { LossChart } from "./loss-chart.ts";
import { tell } from "./notice.ts";
import { PredictionsView } from "./predictions-view.ts";
import { duration, number, percent } from "./text.ts";

const tiles = { loss: byId("loss", HTMLElement), validation: byId("validation", HTMLElement), speed: byId("speed", HTMLElement), epoch: byId("epoch", HTMLElement), left: byId("left", HTMLElement) };
const status = byId("status", HTMLElement);
const progress = byId("progress", HTMLProgressElement);
const error = byId("error", HTMLElement);
const result = byId("result", HTMLElement);
const headline = byId("headline", HTMLElement);
const scores = byId("scores", HTMLTableElement);
const downloads = byId("downloads", HTMLElement);

export class RunView {
  readonly #chart = new LossChart(byId("chart", HTMLElement));
  readonly #predictions = new PredictionsView(byId("predictions", HTMLElement), byId("predictions-title", HTMLElement), byId("predictions-note", HTMLElement));
  #epochs = 1;
  #epochsDone = 0;
  #urls: string[] = [];
  #unsaved = false;

  begin(epochs: number): void {
    this.#epochs = epochs;
    this.#epochsDone = 0;
    error.hidden = result.hidden = true;
    for (const tile of Object.values(tiles)) tile.textContent = "–";
    for (const url of this.#urls.splice(0)) URL.revokeObjectURL(url);
    this.#chart.clear(epochs);
    this.#predictions.clear();
    downloads.replaceChildren();
    this.#unsaved = false;
    progress.removeAttribute("value");
    this.say("Reading the images …");
  }

  /** Whether there are files that nobody has taken yet. */
  get unsaved(): boolean {
    return this.#unsaved;
  }

  say(text: string): void {
    status.textContent = text;
  }

  event(event: StudyEvent): void {
    switch (event.kind) {
      case "study":
        return this.say(`Recording the steps. ${event.chosen.join(" ")}`);
      case "trial":
        return;
      case "compile":
        progress.value = event.done / Math.max(1, event.total);
        return this.say(`Compiling ${event.done} of ${event.total} kernels …`);
      case "step":
        this.say(`Training: step ${event.step} of ${event.stepsPerEpoch} in epoch ${event.epoch + 1} of ${this.#epochs}`);
        progress.value = (event.epoch + event.step / event.stepsPerEpoch) / this.#epochs;
        tiles.loss.textContent = number(event.loss);
        tiles.speed.textContent = number(event.imagesPerSecond);
        tiles.epoch.textContent = `${event.epoch + 1} / ${this.#epochs}`;
        tiles.left.textContent = event.secondsLeft === null ? "–" : duration(event.secondsLeft);
        return this.#chart.addTraining(event.epoch + event.step / event.stepsPerEpoch, event.loss);
      case "epoch":
        this.#epochsDone = event.record.epoch + 1;
        tiles.validation.textContent = `${number(event.record.validationLoss)}${event.isBest ? " ★" : ""}`;
        tiles.validation.title = event.isBest ? "the lowest so far" : "";
        return this.#chart.addValidation(this.#epochsDone, event.record.validationLoss);
      case "result":
        return this.#result(event.result);
      case "note":
        return this.say(event.text);
      default:
        return event satisfies never;
    }
  }

  predictions(predictions: Predictions): void {
    if (predictions.split === "test") this.say("Testing the best weights …");
    // Validation images come before the event that ends their epoch.
    this.#predictions.add(predictions, this.#epochsDone + 1);
  }

  fail(problem: unknown): void {
    tell(error, problem);
    progress.value = 0;
  }

  finish(files: readonly MadeFile[]): void {
    if (result.hidden) return this.say("Stopped before training began: there is nothing to report.");
    downloads.replaceChildren(...files.map(({ name, type, bytes }) => {
      const link = element("a", "button", `${name} (${bytes.length < 2 ** 20 ? `${Math.ceil(bytes.length / 1024)} KB` : `${Math.round(bytes.length / 2 ** 20)} MB`})`);
      link.download = name;
      link.href = URL.createObjectURL(new Blob([bytes], { type }));
      link.addEventListener("click", () => (this.#unsaved = false));
      this.#urls.push(link.href);
      return link;
    }));
    this.#unsaved = true;
    progress.value = 1;
  }

  #result({ scores: s, steps, stopped, seconds, bestEpoch }: TrialResult): void {
    const tested = bestEpoch < 0 ? "its weights of that moment, as no epoch was complete" : `the weights after epoch ${bestEpoch + 1}`;
    const how = stopped ? `Stopped after ${steps} of at most ${stopped.planned} steps; tested: ${tested}.` : `${steps} steps in ${duration(seconds)}; tested: ${tested}.`;
    tiles.left.textContent = "–";
    this.say("Done.");
    const [name, value, heads, rows]: [string, number | null, string[], string[][]] = s.kind === "classification"
      ? ["Mean AUC", s.meanAuc, ["Class", "AUC", "Sensitivity", "Specificity"], s.classes.map((c, i) => [c, percent(s.auc[i] ?? null), percent(s.sensitivity[i] ?? null), percent(s.specificity[i] ?? null)])]
      : ["Dice over all pixels", s.dicePooled, ["", "Pooled", "Mean of images"], [["Dice", percent(s.dicePooled), percent(s.diceMean)], ["IoU", percent(s.iouPooled), percent(s.iouMean)]]];
    headline.replaceChildren(element("b", "", `${name}: ${percent(value)}`), ` on test images it never saw. ${how}`);
    scores.replaceChildren(row("th", heads), ...rows.map((cells) => row("td", cells)));
    result.hidden = false;
  }
}

const row = (tag: "td" | "th", cells: readonly string[]): HTMLTableRowElement => element("tr", "", ...cells.map((cell) => element(tag, "", cell)));
