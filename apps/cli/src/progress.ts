// A running study on a terminal (a bar, redrawn in place) or in a log (plain lines, few). Both speak on standard error, so that
// standard output holds the result and nothing else.

import type { Listener, StudyEvent, TrialResult } from "@roentgen/runner";
import { SingleBar } from "cli-progress";

export interface ProgressOptions {
  readonly stream: NodeJS.WriteStream;
  readonly isTerminal: boolean;
  /** Milliseconds, for throttling lines. */
  readonly now?: () => number;
}

/** Shortest time between two plain lines about steps and epochs. */
const quietMs = 5000;

/** A listener that shows a study, and `stop`, which leaves the terminal as it was. */
export function showProgress({ stream, isTerminal, now = () => performance.now() }: ProgressOptions): { listener: Listener; line: (text: string) => void; stop: () => void } {
  return isTerminal ? bar(stream) : lines(stream, now);
}

function lines(stream: NodeJS.WriteStream, now: () => number) {
  let last = Number.NEGATIVE_INFINITY;
  let left: number | null = null;
  let unfinished = "";
  let isFirst = false;
  const line = (text: string) => void stream.write(`${text}\n`);
  const seldom = (text: string) => {
    if (now() - last < quietMs) return false;
    last = now();
    line(text);
    return true;
  };
  const listener = (event: StudyEvent): void => {
    switch (event.kind) {
      case "study":
        return opening(event).forEach(line);
      case "trial":
        [last, isFirst] = [now(), true];
        return line(`${place(event)}: ${event.epochs} epochs of ${event.stepsPerEpoch} steps at most${event.resumedAt > 0 ? `, going on after step ${event.resumedAt}` : ""}`);
      case "compile":
        if (event.done < event.total) seldom(`  compiling, ${event.done} of ${event.total} pipelines`);
        return;
      case "step":
        left = event.secondsLeft;
        // Whoever waited for the compiler wants to see the first loss at once.
        if (isFirst) last = Number.NEGATIVE_INFINITY;
        isFirst = false;
        // The epoch's own line follows its last step.
        if (event.step < event.stepsPerEpoch) seldom(`  epoch ${event.epoch + 1}, step ${event.step} of ${event.stepsPerEpoch}: loss ${loss(event.loss)}, ${rate(event.imagesPerSecond)}${remaining(left)}`);
        return;
      case "epoch": {
        const { record, isBest } = event;
        const text = `  epoch ${record.epoch + 1}: training ${loss(record.trainLoss)}, validation ${loss(record.validationLoss)}${isBest ? " (best)" : ""}, ${rate(record.imagesPerSecond)}${remaining(left)}`;
        unfinished = seldom(text) ? "" : text;
        return;
      }
      case "result":
        // How a trial ended is worth a line however soon it comes.
        if (unfinished) line(unfinished);
        unfinished = "";
        return line(`  ${outcome(event.result)}`);
      case "note":
        return line(event.text);
      default:
        return event satisfies never;
    }
  };
  return { listener, line, stop: () => undefined };
}

function bar(stream: NodeJS.WriteStream) {
  let shown: SingleBar | null = null;
  let trial = "";
  let total = 1;
  let value = 0;
  let payload: Record<string, string> = {};
  const draw = () => {
    if (shown) return shown.update(value, payload);
    shown = new SingleBar({
      stream, format: "{trial} {bar} {state}", barsize: 24, barCompleteChar: "█", barIncompleteChar: "░",
      hideCursor: true, clearOnComplete: true, stopOnComplete: false, emptyOnZero: true, fps: 8,
      // Interrupts are the command's to handle: the library would leave the process.
      gracefulExit: false,
    });
    shown.start(total, value, payload);
  };
  const stop = () => {
    shown?.stop();
    shown = null;
  };
  const line = (text: string) => {
    const wasShown = shown !== null;
    stop();
    stream.write(`${text}\n`);
    if (wasShown) draw();
  };
  const listener = (event: StudyEvent): void => {
    switch (event.kind) {
      case "study":
        return opening(event).forEach(line);
      case "trial":
        stop();
        [trial, total, value] = [place(event), event.epochs * event.stepsPerEpoch, event.resumedAt];
        payload = { trial, state: "preparing" };
        return draw();
      case "compile":
        payload = { trial, state: `compiling ${event.done} of ${event.total}` };
        return draw();
      case "step":
        value = event.epoch * event.stepsPerEpoch + event.step;
        payload = { trial, state: `epoch ${event.epoch + 1}, loss ${loss(event.loss)}, ${rate(event.imagesPerSecond)}${remaining(event.secondsLeft)}` };
        return draw();
      case "epoch":
        return;
      case "result":
        stop();
        return line(`${trial}: ${outcome(event.result)}`);
      case "note":
        return line(event.text);
      default:
        return event satisfies never;
    }
  };
  return { listener, line, stop };
}

/** What will be done, before it is. */
function opening({ chosen, trials, done, unavailable }: Extract<StudyEvent, { kind: "study" }>): string[] {
  return [
    ...chosen,
    ...Object.entries(unavailable).map(([init, reason]) => `${init} cannot be had: ${reason}`),
    `${trials.length} ${trials.length === 1 ? "trial" : "trials"}${done.length > 0 ? `, ${done.length} of them done before` : ""}`,
  ];
}

const place = ({ trial, index, of }: Extract<StudyEvent, { kind: "trial" }>): string => `[${index + 1}/${of}] ${trial}`;
const loss = (value: number): string => (Number.isFinite(value) ? value.toPrecision(4) : String(value));
const rate = (imagesPerSecond: number): string => `${imagesPerSecond.toFixed(1)} images/s`;
const remaining = (seconds: number | null): string => (seconds === null ? "" : `, ${time(seconds)} left in all`);

/** Whole minutes above ten of them: an estimate deserves no more. */
function time(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function outcome({ scores, headline, bestEpoch, epochs, seconds }: TrialResult): string {
  const best = epochs.findIndex((e) => e.epoch === bestEpoch) + 1;
  return `${scores.kind === "classification" ? "mean AUC" : "Dice"} ${headline === null ? "undefined" : `${(100 * headline).toFixed(2)} %`} on the test set, best epoch ${best} of ${epochs.length}, ${time(seconds)}`;
}
