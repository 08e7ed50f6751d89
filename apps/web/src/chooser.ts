// Files that a person chooses or drops.

import { byId } from "./dom.ts";

/** Files chosen with an input. */
export function onChosen(id: string, take: (files: FileList) => void): void {
  const input = byId(id, HTMLInputElement);
  input.addEventListener("change", () => {
    if (input.files?.length) take(input.files);
    // The same choice again is a change too: its files may have been mended meanwhile.
    input.value = "";
  });
}

/** What is dropped on a place, which is marked while something hangs over it. */
export function onDrop(id: string, take: (data: DataTransfer) => void): void {
  const place = byId(id, HTMLElement);
  const mark = (on: boolean) => place.classList.toggle("dragging", on);
  place.addEventListener("dragover", () => mark(true));
  place.addEventListener("dragleave", () => mark(false));
  place.addEventListener("drop", (event) => {
    mark(false);
    if (event.dataTransfer) take(event.dataTransfer);
  });
}
