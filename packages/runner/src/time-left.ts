import type { Dataset } from "@roentgen/data";
import type { Listener, StudyEvent } from "./events.ts";
import type { Planned } from "./study-plan.ts";

/** Estimates what is left of the study from the seconds a step took, task by task, as if no trial ended early. */
export class TimeLeft {
  readonly #steps = new Map<string, { total: number; done: number; task: string }>();
  readonly #secondsPerImage = new Map<string, number>();
  readonly #batch = new Map<string, number>();

  constructor(planned: readonly Planned[], sets: ReadonlyMap<string, Dataset>) {
    for (const { name, taskName, task } of planned) {
      const perEpoch = Math.floor((sets.get(taskName)?.split("train").length ?? 0) / task.batch);
      this.#steps.set(name, { total: perEpoch * task.epochs, done: 0, task: taskName });
      this.#batch.set(taskName, task.batch);
    }
  }

  listen(listener: Listener, trial: string): Listener {
    return (event) => listener(this.#complete(event, trial));
  }

  #complete(event: StudyEvent, trial: string): StudyEvent {
    if (event.kind !== "step") return event;
    const mine = this.#steps.get(trial);
    if (!mine) return event;
    for (const [name, entry] of this.#steps) {
      if (name === trial) break;
      entry.done = entry.total;
    }
    mine.done = event.epoch * event.stepsPerEpoch + event.step;
    const before = this.#secondsPerImage.get(mine.task);
    const now = 1 / event.imagesPerSecond;
    this.#secondsPerImage.set(mine.task, before === undefined ? now : 0.9 * before + 0.1 * now);
    const known = [...this.#secondsPerImage.values()];
    const typical = known.reduce((a, b) => a + b, 0) / known.length;
    let secondsLeft = 0;
    for (const { total, done, task } of this.#steps.values()) secondsLeft += (total - done) * (this.#batch.get(task) ?? 1) * (this.#secondsPerImage.get(task) ?? typical);
    return { ...event, secondsLeft };
  }
}
