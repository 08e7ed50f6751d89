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
const settings = byId("settings", HTMLElement);
const headline = byId("headline", HTMLElement);
const scores = byId("scores", HTMLTableElement);
const downloads = byId("downloads", HTMLElement);
const earlier = byId("earlier", HTMLElement);
const earlierList = byId("earlier-list", HTMLElement);

export class RunView {
  readonly #chart = new LossChart(byId("chart", HTMLElement));
  readonly #predictions = new PredictionsView({ place: byId("predictions", HTMLElement), title: byId("predictions-title", HTMLElement), note: byId("predictions-note", HTMLElement), all: byId("predictions-all", HTMLButtonElement) });
  #epochs = 1;
  #epochsDone = 0;
  #run = 0;
  #summary = "";
  /** The run whose result is on show; those before it are among the earlier ones. */
  #shown = 0;
  /** Runs whose files nobody has taken yet. */
  readonly #unsaved = new Set<number>();

  /** @param onUse  asked to apply the model of a finished run to other images */
  constructor(readonly onUse: (model: File) => void) {}

  /** @param summary  what this run is, for its result */
  begin(epochs: number, summary: string): void {
    this.#epochs = epochs;
    this.#epochsDone = 0;
    this.#run++;
    this.#summary = summary;
    error.hidden = true;
    for (const tile of Object.values(tiles)) tile.textContent = "–";
    this.#chart.clear(epochs);
    this.#predictions.clear();
    progress.removeAttribute("value");
    this.say("Reading the images …");
  }

  /** Whether there are files that nobody has taken yet. */
  get unsaved(): boolean {
    return this.#unsaved.size > 0;
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
    const epoch = this.#epochsDone + 1;
    this.#predictions.add(predictions, {
      key: `${predictions.split} ${epoch}`,
      title: predictions.split === "test" ? "Test images" : `Validation images after epoch ${epoch}`,
      note: predictions.kind === "mask"
        ? "Blue is what the network marks, the yellow line is the border of the truth. Dice is 100 % where they agree."
        : "Probabilities of the network. A tick stands where the most probable class is the true one.",
    });
  }

  fail(problem: unknown): void {
    tell(error, problem);
    progress.value = 0;
  }

  cancelled(): void {
    progress.value = 0;
    this.say(this.#shown === this.#run ? "Cancelled before the report was written." : `Cancelled. Nothing of this run was kept${this.#shown ? "; earlier results were" : ""}.`);
  }

  /** Hands over the files of a run that ended; returns its model, if it has one. */
  finish(files: readonly MadeFile[]): File | null {
    const run = this.#run;
    if (this.#shown !== run) {
      progress.value = 0;
      this.say("Stopped before training began: there is nothing to report.");
      return null;
    }
    const made = files.map(({ name, type, bytes }) => new File([bytes], name, { type }));
    const model = made.find(({ name }) => name.endsWith(".safetensors")) ?? null;
    downloads.replaceChildren(...made.map((file) => {
      const link = element("a", "button", `${file.name} (${file.size < 2 ** 20 ? `${Math.ceil(file.size / 1024)} KB` : `${Math.round(file.size / 2 ** 20)} MB`})`);
      link.download = file.name;
      link.href = URL.createObjectURL(file);
      link.addEventListener("click", () => this.#unsaved.delete(run));
      return link;
    }));
    if (model) {
      const use = element("button", "plain", "Use on images");
      use.type = "button";
      use.addEventListener("click", () => this.onUse(model));
      downloads.append(use);
    }
    this.#unsaved.add(run);
    progress.value = 1;
    return model;
  }

  /** Makes room for a new result. Nobody but the person drops one: its model may be an hour's work. */
  #setAside(): void {
    if (result.hidden) return;
    const run = this.#shown;
    const remove = element("button", "plain remove", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove run ${run}`);
    const kept = element("article", "",
      element("p", "note", ...settings.childNodes),
      element("p", "", ...headline.childNodes),
      element("details", "", element("summary", "", "Scores"), element("div", "scroll", element("table", "", ...scores.rows))),
      element("p", "downloads", ...downloads.childNodes, remove));
    remove.addEventListener("click", () => {
      if (this.#unsaved.has(run) && !confirm(`The files of run ${run} were not saved. Remove them?`)) return;
      for (const { href } of kept.querySelectorAll("a")) URL.revokeObjectURL(href);
      this.#unsaved.delete(run);
      (kept.nextElementSibling ?? kept.previousElementSibling)?.querySelector<HTMLElement>(".remove")?.focus();
      kept.remove();
      earlier.hidden = earlierList.childElementCount === 0;
    });
    earlierList.prepend(kept);
    earlier.hidden = false;
  }

  #result({ scores: s, steps, stopped, seconds, bestEpoch }: TrialResult): void {
    const tested = bestEpoch < 0 ? "its weights of that moment, as no epoch was complete" : `the weights after epoch ${bestEpoch + 1}`;
    const how = stopped ? `Stopped after ${steps} of at most ${stopped.planned} steps; tested: ${tested}.` : `${steps} steps in ${duration(seconds)}; tested: ${tested}.`;
    tiles.left.textContent = "–";
    this.say("Done.");
    const [name, value, heads, rows]: [string, number | null, string[], string[][]] = s.kind === "classification"
      ? ["Mean AUC", s.meanAuc, ["Class", "AUC", "Sensitivity", "Specificity"], s.classes.map((c, i) => [c, percent(s.auc[i] ?? null), percent(s.sensitivity[i] ?? null), percent(s.specificity[i] ?? null)])]
      : ["Dice over all pixels", s.dicePooled, ["", "Pooled", "Mean of images"], [["Dice", percent(s.dicePooled), percent(s.diceMean)], ["IoU", percent(s.iouPooled), percent(s.iouMean)]]];
    this.#setAside();
    this.#shown = this.#run;
    downloads.replaceChildren();
    settings.textContent = `Run ${this.#run}: ${this.#summary}`;
    headline.replaceChildren(element("b", "", `${name}: ${percent(value)}`), ` on test images it never saw. ${how}`);
    scores.replaceChildren(row("th", heads), ...rows.map((cells) => row("td", cells)));
    result.hidden = false;
  }
}

const row = (tag: "td" | "th", cells: readonly string[]): HTMLTableRowElement => element("tr", "", ...cells.map((cell) => element(tag, "", cell)));
