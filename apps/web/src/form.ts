// The form: what a person chose, with what is known of their own folder and weight file.

import { type Choices, type DataChoice, type Depth, usualRate, type WeightsFacts } from "./choices.ts";
import { byId, element } from "./dom.ts";
import type { Engine } from "./engine.ts";
import { filesOfDrop, filesOfFolder, filesOfInput } from "./folder.ts";
import { convertedName, detailsOf, titleOf } from "./weights-report.ts";

const form = byId("form", HTMLFormElement);
const depth = byId("depth", HTMLSelectElement);
const rate = byId("rate", HTMLInputElement);
const folderFacts = byId("folder-facts", HTMLElement);
const weightsFacts = byId("weights-facts", HTMLElement);
const weightsReport = byId("weights-report", HTMLElement);
const weightsDetails = byId("weights-details", HTMLElement);
const convert = byId("convert", HTMLButtonElement);

const radio = (name: string, value: string): HTMLInputElement => form.querySelector<HTMLInputElement>(`input[name=${name}][value=${value}]`) as HTMLInputElement;
const chosen = (name: string): string => String(new FormData(form).get(name));
const valueOf = (id: string): number => byId(id, HTMLInputElement).valueAsNumber;


export class Form {
  #folder: ReadonlyMap<string, File> | null = null;
  #folderIsMask = false;
  #weights: { readonly file: File; readonly facts: WeightsFacts } | null = null;

  /** @param engine  the worker of the moment: a cancelled run ends it and another takes its place */
  constructor(readonly engine: () => Engine, readonly onError: (error: unknown) => void) {
    const folderInput = byId("folder-input", HTMLInputElement);
    folderInput.addEventListener("change", () => folderInput.files?.length && this.#guard(this.#takeFolder(filesOfInput(folderInput.files))));
    onDrop(byId("folder-drop", HTMLElement), (data) => this.#guard(filesOfDrop(data.items).then((files) => this.#takeFolder(files))));
    const weightsInput = byId("weights-input", HTMLInputElement);
    weightsInput.addEventListener("change", () => weightsInput.files?.[0] && this.#guard(this.#takeWeights(weightsInput.files[0])));
    onDrop(byId("weights-drop", HTMLElement), (data) => data.files[0] && this.#guard(this.#takeWeights(data.files[0])));
    convert.addEventListener("click", () => this.#guard(this.#convert()));
    form.addEventListener("change", () => this.#show());
    // A drop beside the fields would make the browser leave the page.
    for (const event of ["dragover", "drop"] as const) window.addEventListener(event, (e) => e.preventDefault());
    this.#show();
  }

  onStart(start: (choices: Choices) => void): void {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      try {
        start(this.#choices());
      } catch (error) {
        this.onError(error);
      }
    });
  }

  set enabled(enabled: boolean) {
    for (const fieldset of form.querySelectorAll("fieldset")) fieldset.disabled = !enabled;
  }

  #choices(): Choices {
    const data = this.#data();
    const weights = chosen("init") === "file" ? this.#weights?.file : null;
    if (weights === undefined) throw new Error("first weights: choose a file, or start from random weights.");
    return {
      data, weights, depth: Number(depth.value) as Depth, size: Number(byId("size", HTMLSelectElement).value), batch: valueOf("batch"), epochs: valueOf("epochs"),
      learningRate: Number.isNaN(rate.valueAsNumber) ? null : rate.valueAsNumber, seed: valueOf("seed"), tune: byId("tune", HTMLInputElement).checked,
    };
  }

  #data(): DataChoice {
    const set = chosen("data");
    if (set === "plane" || set === "brain") return { kind: "demo", set };
    if (!this.#folder) throw new Error("images: choose a folder with an index.json, or one of the two sets.");
    return { kind: "folder", files: this.#folder };
  }

  async #takeFolder(files: readonly { path: string; file: File }[]): Promise<void> {
    const folder = filesOfFolder(files);
    const { name, kind, classes, images } = await this.engine().dataFacts({ kind: "folder", files: folder });
    [this.#folder, this.#folderIsMask] = [folder, kind === "mask"];
    folderFacts.textContent = `${name}: ${kind === "mask" ? "masks of" : kind} ${classes.slice(0, 6).join(", ")}${classes.length > 6 ? ", …" : ""}; ${images.train} training, ${images.val} validation, ${images.test} test images`;
    radio("data", "folder").checked = true;
    this.#show();
  }

  async #takeWeights(file: File): Promise<void> {
    const facts = await this.engine().weightsFacts(file);
    this.#weights = { file, facts };
    weightsFacts.textContent = `${file.name}: ${titleOf(facts.report)}`;
    weightsDetails.replaceChildren(...detailsOf(facts.report).flatMap(({ head, lines }) => [element("h3", "", head), element("ul", "", ...lines.map((line) => element("li", "", line)))]));
    weightsReport.hidden = false;
    radio("init", "file").checked = true;
    this.#show();
  }

  /** Hands the chosen file back as safetensors. */
  async #convert(): Promise<void> {
    if (!this.#weights) return;
    const { file } = this.#weights;
    convert.disabled = true;
    try {
      const link = element("a", "");
      link.href = URL.createObjectURL(await this.engine().convertWeights(file));
      link.download = convertedName(file.name);
      link.click();
      // The download has begun by then; until it has, the address must hold.
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } finally {
      convert.disabled = false;
    }
  }

  /** A weight file decides the network; the task decides the usual rate. */
  #show(): void {
    const fixed = chosen("init") === "file" ? this.#weights?.facts.depth : undefined;
    depth.disabled = fixed !== undefined;
    if (fixed !== undefined) {
      if (![...depth.options].some((option) => option.value === String(fixed))) depth.add(new Option(`ResNet-${fixed}`, String(fixed)));
      depth.value = String(fixed);
    }
    const isMask = chosen("data") === "brain" || (chosen("data") === "folder" && this.#folderIsMask);
    rate.placeholder = String(usualRate(isMask ? "mask" : "multiclass"));
  }

  #guard(work: Promise<void>): void {
    work.catch(this.onError);
  }
}

function onDrop(place: HTMLElement, take: (data: DataTransfer) => void): void {
  const mark = (on: boolean) => place.classList.toggle("dragging", on);
  place.addEventListener("dragover", () => mark(true));
  place.addEventListener("dragleave", () => mark(false));
  place.addEventListener("drop", (event) => {
    mark(false);
    if (event.dataTransfer) take(event.dataTransfer);
  });
}
