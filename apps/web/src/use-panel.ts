// The panel that applies a model: which one, to which images, and what it says of them.

import { Card } from "./card.ts";
import { onChosen, onDrop } from "./chooser.ts";
import { byId, element } from "./dom.ts";
import type { Engine } from "./engine.ts";
import { filesOfDrop, filesOfInput, pngsOf } from "./folder.ts";
import { tell } from "./notice.ts";
import type { NamedFile, Predicted } from "./predict-job.ts";
import { mostTiles, PredictionsView } from "./predictions-view.ts";

const panel = byId("use", HTMLElement);
const form = byId("use-form", HTMLFormElement);
const start = byId("use-start", HTMLButtonElement);
const cancel = byId("use-cancel", HTMLButtonElement);
const status = byId("use-status", HTMLElement);
const problem = byId("use-problem", HTMLElement);
const result = byId("use-result", HTMLElement);
const downloads = byId("use-downloads", HTMLElement);
const modelFacts = byId("use-model-facts", HTMLElement);
const imagesFacts = byId("use-images-facts", HTMLElement);

/** Reasons that fit under a result; the others are like them. */
const mostReasons = 5;

export interface UseHost {
  /** The worker of the moment. */
  readonly engine: () => Engine;
  /** Ends the worker and makes another. */
  readonly restart: () => void;
  /** Told when a prediction begins and ends: there is one worker, and it does one thing at a time. */
  readonly onBusy: (busy: boolean) => void;
}

export class UsePanel {
  readonly #host: UseHost;
  readonly #model: Card<{ readonly file: File; readonly title: string }>;
  readonly #images: Card<readonly NamedFile[]>;
  readonly #view = new PredictionsView({ place: byId("use-predictions", HTMLElement), title: byId("use-predictions-title", HTMLElement), note: byId("use-predictions-note", HTMLElement), all: byId("use-all", HTMLButtonElement) });
  #run = 0;
  #cancel: (() => void) | null = null;

  constructor(host: UseHost) {
    this.#host = host;
    this.#model = new Card({
      problem: byId("use-model-problem", HTMLElement), nameOf: ({ file }) => file.name,
      show: ({ file, title }) => (modelFacts.textContent = `${file.name}: ${title}`),
    });
    this.#images = new Card<readonly NamedFile[]>({
      problem: byId("use-images-problem", HTMLElement), nameOf: namesOf,
      show: (images) => (imagesFacts.textContent = namesOf(images)),
    });
    onChosen("use-model-input", ([file]) => file && this.#takeModel(file));
    onDrop("use-model-drop", ({ files: [file] }) => file && this.#takeModel(file));
    for (const id of ["use-images-input", "use-folder-input"]) onChosen(id, (files) => this.#takeImages(Promise.resolve(filesOfInput(files))));
    onDrop("use-images-drop", (data) => this.#takeImages(filesOfDrop(data.items)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const model = this.#model.demand("Choose a model, or finish a training above.");
      const images = this.#images.demand("Choose images, or a folder of them.");
      if (model && images) void this.#predict(model.file, images);
    });
    cancel.addEventListener("click", () => this.#cancel?.());
  }

  set enabled(enabled: boolean) {
    byId("use-choices", HTMLFieldSetElement).disabled = start.disabled = !enabled;
  }

  /** Takes the model of a run that is finished. */
  offer(file: File): void {
    this.#takeModel(file);
  }

  /** Brings the panel into view, to choose images next. */
  show(): void {
    panel.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    byId("use-images-input", HTMLInputElement).focus({ preventScroll: true });
  }

  #takeModel(file: File): void {
    void this.#model.take(this.#host.engine().modelTitle(file).then((title) => ({ file, title })));
  }

  #takeImages(files: Promise<NamedFile[]>): void {
    void this.#images.take(files.then(pngsOf));
  }

  async #predict(model: File, images: readonly NamedFile[]): Promise<void> {
    const cancelled = new Promise<null>((resolve) => (this.#cancel = () => resolve(null)));
    let live = true;
    this.#begin();
    const key = String(++this.#run);
    const title = images.length > mostTiles ? `Predictions, the first ${mostTiles}` : "Predictions";
    try {
      const predicted = await Promise.race([
        this.#host.engine().predict(model, images, mostTiles, {
          progress: (stage, done, total) => live && say(stage === "compile" ? `Compiling ${done} of ${total} kernels …` : `${done} of ${total} images …`),
          shown: (shown) => {
            if (!live) return;
            result.hidden = false;
            const note = `${shown.kind === "mask" ? "Blue is what the network marks." : "Probabilities of the network; the coloured bars are what it predicts."} Nobody has checked it.`;
            this.#view.add(shown, { key, title, note });
          },
        }),
        cancelled,
      ]);
      if (predicted) this.#finish(predicted, model.name);
      else {
        this.#host.restart();
        say("Cancelled.");
      }
    } catch (error) {
      say("Ended by an error.");
      tell(problem, error);
    } finally {
      live = false;
      this.#cancel = null;
      cancel.hidden = true;
      this.#host.onBusy(false);
    }
  }

  #begin(): void {
    this.#host.onBusy(true);
    cancel.hidden = false;
    problem.hidden = result.hidden = true;
    this.#view.clear();
    for (const { href } of downloads.querySelectorAll("a")) URL.revokeObjectURL(href);
    downloads.replaceChildren();
    say("Reading the model …");
  }

  #finish({ files, images, skipped }: Predicted, model: string): void {
    say(`Done: ${images} ${images === 1 ? "image" : "images"} with ${model}.`);
    if (skipped.length > 0) {
      const more = skipped.length > mostReasons ? [`… and ${skipped.length - mostReasons} others`] : [];
      tell(problem, new Error([`Left out: ${skipped.length} of ${images + skipped.length} images.`, ...skipped.slice(0, mostReasons), ...more].join("\n")));
    }
    downloads.append(...files.map(({ name, type, bytes }) => {
      const link = element("a", "button", name);
      link.download = name;
      link.href = URL.createObjectURL(new Blob([bytes], { type }));
      return link;
    }));
  }
}

/** `3 images, a.png to c.png` */
function namesOf(images: readonly NamedFile[]): string {
  const [first, last] = [images[0]?.path ?? "", images.at(-1)?.path ?? ""];
  return images.length === 1 ? first : `${images.length} images, ${first} to ${last}`;
}

function say(text: string): void {
  status.textContent = text;
}
