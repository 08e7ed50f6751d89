// What went wrong, said beside what caused it.

import { element } from "./dom.ts";

/** Shows a problem in its place and brings that into view. @param then  what holds now, in a sentence */
export function tell(place: HTMLElement, problem: unknown, then = ""): void {
  const { name, message } = problem instanceof Error ? problem : { name: "Error", message: String(problem) };
  // "Error" tells nothing that the colour does not.
  const head = name === "Error" ? [] : [element("b", "", name)];
  place.replaceChildren(...head, element("p", "", message), ...(then ? [element("p", "", then)] : []));
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}
