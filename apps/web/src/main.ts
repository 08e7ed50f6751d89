// The page. It opens the engine, shows the form if there is a GPU, and connects Start, Stop and what comes back.

import type { Choices } from "./choices.ts";
import { byId } from "./dom.ts";
import { Engine } from "./engine.ts";
import { Form } from "./form.ts";
import { ProfilePanel } from "./profile-panel.ts";
import { RunView } from "./run-view.ts";
import { UsePanel } from "./use-panel.ts";

const start = byId("start", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const adapter = byId("adapter", HTMLElement);

let engine = new Engine();
const view = new RunView((model) => {
  use.offer(model);
  use.show();
});
let cancel: (() => void) | null = null;

async function open(): Promise<void> {
  try {
    const { vendor, architecture, device, description, software } = await engine.adapter();
    adapter.textContent = [description || [vendor, architecture, device].filter(Boolean).join(" ") || "a GPU", ...(software ? ["software, slow"] : [])].join(" · ");
    byId("app", HTMLElement).hidden = false;
  } catch (error) {
    adapter.hidden = true;
    byId("unavailable-text", HTMLElement).textContent = error instanceof Error ? error.message : String(error);
    byId("unavailable", HTMLElement).hidden = false;
  }
}

async function run(choices: Choices, summary: string): Promise<void> {
  let live = true;
  const cancelled = new Promise<null>((resolve) => (cancel = () => resolve(null)));
  setRunning(true);
  view.begin(choices.epochs, summary);
  // On a phone what happens next lies below the form.
  if (matchMedia("(max-width: 52rem)").matches) byId("run", HTMLElement).scrollIntoView({ behavior: "smooth" });
  try {
    const files = await Promise.race([engine.run(choices, { event: (e) => live && view.event(e), predictions: (p) => live && view.predictions(p) }), cancelled]);
    if (files) {
      const model = view.finish(files);
      if (model) use.offer(model);
      return;
    }
    // What the worker said before its end may still be under way.
    live = false;
    restart();
    view.cancelled();
  } catch (error) {
    view.say("Ended by an error.");
    view.fail(error);
  } finally {
    cancel = null;
    setRunning(false);
  }
}

function restart(): void {
  engine.terminate();
  engine = new Engine();
}

function setRunning(running: boolean): void {
  stop.hidden = !running;
  stop.textContent = "Stop and report";
  setBusy(running);
}

let focused: Element | null = null;

function setBusy(busy: boolean): void {
  if (busy) focused = document.activeElement;
  form.enabled = profile.enabled = use.enabled = !busy;
  start.disabled = busy;
  // What is disabled or hidden loses the focus, and whoever works without a mouse their place.
  const now = document.activeElement;
  if (!busy && focused instanceof HTMLElement && (now === document.body || now?.closest("[hidden]"))) focused.focus({ preventScroll: true });
}

const form = new Form(() => engine);
const host = { engine: () => engine, restart, onBusy: setBusy };
const profile = new ProfilePanel(host);
const use = new UsePanel(host);
form.onStart((choices, summary) => void run(choices, summary));
// The first press ends training and keeps what there is; who presses again does not want to wait for that.
stop.addEventListener("click", () => {
  if (stop.textContent !== "Stop and report") return cancel?.();
  stop.textContent = "Cancel without a report";
  view.say("Stopping: the best weights so far are tested …");
  void engine.finish();
});
// A closed tab forgets. The browser asks in its own words.
window.addEventListener("beforeunload", (event) => {
  if (cancel || view.unsaved) event.preventDefault();
});
void open();
