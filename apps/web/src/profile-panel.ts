// The profile panel: what to profile, how far it is, and what came of it as charts, tables and files.

import type { FlameBox, ProfileProgress, Table, Workload } from "@roentgen/runner";
import { byId, element } from "./dom.ts";
import type { Engine } from "./engine.ts";
import type { MadeFile } from "./job.ts";
import type { ProfileView } from "./profile-job.ts";

const form = byId("profile-form", HTMLFormElement);
const start = byId("profile-start", HTMLButtonElement);
const cancel = byId("profile-cancel", HTMLButtonElement);
const status = byId("profile-status", HTMLElement);
const result = byId("profile-result", HTMLElement);

const stages: Readonly<Record<Parameters<ProfileProgress>[0], string>> = { record: "Recording the step", ceilings: "Measuring what the device can do", compile: "Compiling kernels", time: "Timing" };

export interface ProfileHost {
  /** The worker of the moment. */
  readonly engine: () => Engine;
  /** Ends the worker and makes another. */
  readonly restart: () => void;
  /** Told when a profile begins and ends: there is one worker, and it does one thing at a time. */
  readonly onBusy: (busy: boolean) => void;
}

export class ProfilePanel {
  readonly #host: ProfileHost;
  #urls: string[] = [];
  #cancel: (() => void) | null = null;

  constructor(host: ProfileHost) {
    this.#host = host;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#run();
    });
    cancel.addEventListener("click", () => this.#cancel?.());
  }

  set enabled(enabled: boolean) {
    byId("profile-choices", HTMLFieldSetElement).disabled = start.disabled = !enabled;
  }

  async #run(): Promise<void> {
    const cancelled = new Promise<null>((resolve) => (this.#cancel = () => resolve(null)));
    let live = true;
    this.#busy(true);
    this.#clear();
    try {
      const view = await Promise.race([this.#host.engine().profile(choices(), (stage, done, total) => live && say(`${stages[stage]}${total > 1 ? `: ${done} of ${total}` : ""} …`)), cancelled]);
      if (view) this.#show(view);
      else {
        this.#host.restart();
        say("Cancelled.");
      }
    } catch (error) {
      say(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    } finally {
      live = false;
      this.#cancel = null;
      this.#busy(false);
    }
  }

  #busy(busy: boolean): void {
    cancel.hidden = !busy;
    this.#host.onBusy(busy);
  }

  #clear(): void {
    for (const url of this.#urls.splice(0)) URL.revokeObjectURL(url);
    result.replaceChildren();
  }

  #show({ title, facts, warnings, charts, tables, flame, files }: ProfileView): void {
    say(`Done: ${title}.`);
    const [open, folded] = [tables.slice(0, 3), tables.slice(3)];
    result.replaceChildren(
      element("p", "downloads", ...files.map((file) => this.#download(file))),
      ...facts.map((fact) => element("p", "note", fact)),
      ...(warnings.length > 0 ? [element("ul", "notice", ...warnings.map(({ what, lookAt }) => element("li", "", element("b", "", `${what}.`), ...(lookAt.length > 0 ? [` Look at: ${lookAt.join("; ")}.`] : []))))] : []),
      element("div", "profile-charts", ...charts.map(drawn)),
      element("p", "note", "Left: kernels by operations for each byte under the measured ceilings. Right: every dispatch by the bytes it moves; dashed: a plain copy. Orange is nearest to the roof of arithmetic, blue to memory's, grey to a launch's. Point at one for its name."),
      element("h3", "", "Where the time goes"),
      flameOf(flame),
      ...open.map(tableOf),
      ...folded.map((table) => element("details", "", element("summary", "", table.title), tableOf(table))),
    );
  }

  #download({ name, type, bytes }: MadeFile): HTMLElement {
    const link = element("a", "button", name);
    link.href = URL.createObjectURL(new Blob([bytes], { type }));
    link.download = name;
    this.#urls.push(link.href);
    return link;
  }
}

function choices(): Workload {
  const value = (id: string) => byId(id, HTMLInputElement).valueAsNumber;
  const [step, precision] = byId("profile-step", HTMLSelectElement).value.split(" ");
  return { model: byId("profile-model", HTMLSelectElement).value, train: step === "train", precision: precision === "mixed" ? "mixed" : "f32", batch: value("profile-batch"), size: Number(byId("profile-size", HTMLSelectElement).value) };
}

function say(text: string): void {
  status.textContent = text;
}

/** SVG text as an element of this page. */
function drawn(text: string): Node {
  const parsed = new DOMParser().parseFromString(text, "text/html").querySelector("svg");
  return parsed ? document.adoptNode(parsed) : element("p", "note", "This chart could not be drawn.");
}

function tableOf({ title, heads, rows }: Table): HTMLElement {
  const cell = <K extends "td" | "th">(tag: K, text: string, i: number) => element(tag, heads[i]?.right ? "right-aligned" : "", text);
  const table = element("table", "", element("thead", "", element("tr", "", ...heads.map(({ text }, i) => cell("th", text, i)))), element("tbody", "", ...rows.map((row) => element("tr", "", ...row.map((text, i) => cell("td", text, i))))));
  table.setAttribute("aria-label", title);
  return element("div", "scroll", element("h3", "", title), table);
}

/** Boxes narrower than this show nothing. */
const leastWidth = 0.0004;

/** Share of the roof as one of five colours. */
const heat = (ofRoof: number): number => [0.1, 0.2, 0.4, 0.7].filter((edge) => ofRoof >= edge).length;

function flameOf(boxes: readonly FlameBox[]): HTMLElement {
  const shown = boxes.filter((box) => box.width >= leastWidth);
  const place = element("div", "flame", ...shown.map(({ name, depth, from, width, timeMs, ofRoof }) => {
    const box = element("div", `heat-${heat(ofRoof)}`, name);
    box.title = `${name}\n${timeMs.toFixed(3)} ms, ${(100 * width).toFixed(1)} % of the time\n${(100 * ofRoof).toFixed(1)} % of its roof`;
    Object.assign(box.style, { left: `${100 * from}%`, width: `${100 * width}%`, top: `${1.35 * depth}rem` });
    return box;
  }));
  place.style.height = `${1.35 * (1 + Math.max(0, ...shown.map((box) => box.depth)))}rem`;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", `Flame graph, ${shown.length} boxes`);
  return place;
}
