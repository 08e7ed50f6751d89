// The form: what a person chose, with what is known of their own folder and weight file.

import { Card } from "./card.ts";
import { type Choices, type DataChoice, type DataFacts, type Depth, summaryOf, usualRate, type WeightsFacts } from "./choices.ts";
import { onChosen, onDrop } from "./chooser.ts";
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
  readonly #folder: Card<{ readonly files: ReadonlyMap<string, File>; readonly facts: DataFacts }>;
  readonly #weights: Card<{ readonly file: File; readonly facts: WeightsFacts }>;

  /** @param engine  the worker of the moment: a cancelled run ends it and another takes its place */
  constructor(readonly engine: () => Engine) {
    this.#folder = new Card({
      radio: radio("data", "folder"), problem: byId("folder-problem", HTMLElement), nameOf: ({ facts }) => facts.name,
      show: ({ facts: { name, kind, classes, images } }) => {
        folderFacts.textContent = `${name}: ${kind === "mask" ? "masks of" : kind} ${classes.slice(0, 6).join(", ")}${classes.length > 6 ? ", …" : ""}; ${images.train} training, ${images.val} validation, ${images.test} test images`;
        this.#show();
      },
    });
    this.#weights = new Card({
      radio: radio("init", "file"), problem: byId("weights-problem", HTMLElement), nameOf: ({ file }) => file.name,
      show: ({ file, facts: { report } }) => {
        weightsFacts.textContent = `${file.name}: ${titleOf(report)}`;
        weightsDetails.replaceChildren(...detailsOf(report).flatMap(({ head, lines }) => [element("h3", "", head), element("ul", "", ...lines.map((line) => element("li", "", line)))]));
        weightsReport.hidden = false;
        this.#show();
      },
    });
    onChosen("folder-input", (files) => this.#take(this.#folder, this.#readFolder(filesOfInput(files))));
    onDrop("folder-drop", (data) => this.#take(this.#folder, filesOfDrop(data.items).then((files) => this.#readFolder(files))));
    onChosen("weights-input", ([file]) => file && this.#take(this.#weights, this.#readWeights(file)));
    onDrop("weights-drop", ({ files: [file] }) => file && this.#take(this.#weights, this.#readWeights(file)));
    convert.addEventListener("click", () => void this.#convert());
    form.addEventListener("change", () => this.#show());
    // A field in what is folded cannot be pointed at: the browser would refuse to start without a word.
    form.addEventListener("invalid", ({ target }) => target instanceof Element && target.closest("details")?.setAttribute("open", ""), true);
    // A drop beside the fields would make the browser leave the page.
    for (const event of ["dragover", "drop"] as const) window.addEventListener(event, (e) => e.preventDefault());
    this.#show();
  }

  /** @param start  takes what was chosen, and that in a line */
  onStart(start: (choices: Choices, summary: string) => void): void {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const choices = this.#choices();
      if (!choices) return;
      this.#folder.clear();
      this.#weights.clear();
      start(choices, summaryOf(choices, choices.data.kind === "demo" ? choices.data.set : (this.#folder.taken?.facts.name ?? "")));
    });
  }

  set enabled(enabled: boolean) {
    for (const fieldset of form.querySelectorAll("fieldset")) fieldset.disabled = !enabled;
  }

  /** null where a card lacks what is asked of it, and says so. */
  #choices(): Choices | null {
    const data = this.#data();
    const loaded = chosen("init") === "file" ? this.#weights.demand("Choose a file, or start from random weights.") : { file: null };
    if (!data || !loaded) return null;
    return {
      data, weights: loaded.file, depth: Number(depth.value) as Depth, size: Number(byId("size", HTMLSelectElement).value), batch: valueOf("batch"), epochs: valueOf("epochs"),
      learningRate: Number.isNaN(rate.valueAsNumber) ? null : rate.valueAsNumber, seed: valueOf("seed"),
      precision: byId("precision", HTMLSelectElement).value === "mixed" ? "mixed" : "f32", tune: byId("tune", HTMLInputElement).checked,
    };
  }

  #data(): DataChoice | null {
    const set = chosen("data");
    if (set === "plane" || set === "brain") return { kind: "demo", set };
    const folder = this.#folder.demand("Choose a folder with an index.json, or one of the two sets.");
    return folder && { kind: "folder", files: folder.files };
  }

  #take<T>(card: Card<T>, reading: Promise<T>): void {
    void card.take(reading);
    this.#show();
  }

  async #readFolder(list: readonly { path: string; file: File }[]) {
    const files = filesOfFolder(list);
    return { files, facts: await this.engine().dataFacts({ kind: "folder", files }) };
  }

  async #readWeights(file: File) {
    return { file, facts: await this.engine().weightsFacts(file) };
  }

  /** Hands the chosen file back as safetensors. */
  async #convert(): Promise<void> {
    if (!this.#weights.taken) return;
    const { file } = this.#weights.taken;
    convert.disabled = true;
    try {
      const link = element("a", "");
      link.href = URL.createObjectURL(await this.engine().convertWeights(file));
      link.download = convertedName(file.name);
      link.click();
      // The download has begun by then; until it has, the address must hold.
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (problem) {
      this.#weights.refuse(problem);
    } finally {
      convert.disabled = false;
    }
  }

  /** A weight file decides the network; the task decides the usual rate. A problem of what is not asked for is none. */
  #show(): void {
    const [ownImages, ownWeights] = [chosen("data") === "folder", chosen("init") === "file"];
    if (!ownImages) this.#folder.clear();
    if (!ownWeights) this.#weights.clear();
    const fixed = ownWeights ? this.#weights.taken?.facts.depth : undefined;
    depth.disabled = fixed !== undefined;
    if (fixed !== undefined) {
      if (![...depth.options].some((option) => option.value === String(fixed))) depth.add(new Option(`ResNet-${fixed}`, String(fixed)));
      depth.value = String(fixed);
    }
    const isMask = chosen("data") === "brain" || (ownImages && this.#folder.taken?.facts.kind === "mask");
    rate.placeholder = String(usualRate(isMask ? "mask" : "multiclass"));
  }
}
