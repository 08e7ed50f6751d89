// Learning-rate schedules. A schedule is asked for the rate of an epoch (or step) and told what validation said after it; all
// it remembers is a list of numbers, so that a run can resume. `record`ed steps read the rate from the device.

import { ConfigError } from "@roentgen/core";

export interface Schedule {
  /** The rate for epoch (or step) `t`, counted from 0. */
  rate(t: number): number;
  /** To be called after each epoch with the validation loss. */
  observe(loss: number): void;
  /** What it remembers; `restore` takes it back. */
  readonly state: readonly number[];
  restore(state: readonly number[]): void;
}

const stateless = (rate: (t: number) => number): Schedule => ({ rate, observe: () => undefined, state: [], restore: () => undefined });

export const constant = (lr: number): Schedule => stateless(() => lr);

/**
 * lr/2 (1 + cos(pi t / total)), then 0.
 *
 * @param lag  epochs by which the schedule trails, as when the rate is set after an epoch: with 1, epochs 0 and 1 both run at lr
 */
export const cosine = (lr: number, { total, lag = 0 }: { total: number; lag?: number }): Schedule =>
  stateless((t) => (lr / 2) * (1 + Math.cos((Math.PI * Math.min(Math.max(t - lag, 0), total)) / total)));

/** From lr at 0 down to 0 at `total`, in a line. */
export const linear = (lr: number, { total }: { total: number }): Schedule => stateless((t) => lr * Math.max(0, 1 - t / total));

/** lr times `factor` for each `every` epochs that have passed. */
export const step = (lr: number, { every, factor = 0.1 }: { every: number; factor?: number }): Schedule => stateless((t) => lr * factor ** Math.floor(t / every));

/** Linear rise over the first `epochs`, reaching `then` after them; epoch 0 runs at `then.rate(0) / epochs`. */
export function warmUp(then: Schedule, { epochs }: { epochs: number }): Schedule {
  return {
    rate: (t) => (t < epochs ? (then.rate(0) * (t + 1)) / epochs : then.rate(t - epochs)),
    observe: (loss) => then.observe(loss),
    get state() {
      return then.state;
    },
    restore: (state) => then.restore(state),
  };
}

/**
 * torch.optim.lr_scheduler.ReduceLROnPlateau (mode min, relative threshold, no cooldown): the rate is multiplied by `factor`
 * after more than `patience` epochs in a row without an improvement of `threshold` relative to the best.
 */
export function plateau(lr: number, { factor = 0.5, patience = 5, threshold = 1e-4, minimum = 0 } = {}): Schedule {
  let [current, best, bad] = [lr, Infinity, 0];
  return {
    rate: () => current,
    observe(loss) {
      if (loss < best * (1 - threshold)) [best, bad] = [loss, 0];
      else bad++;
      if (bad <= patience) return;
      const next = Math.max(current * factor, minimum);
      if (current - next > 1e-8) current = next;
      bad = 0;
    },
    get state() {
      return [current, best === Infinity ? -1 : best, best === Infinity ? 0 : 1, bad];
    },
    restore(state) {
      if (state.length !== 4) throw new ConfigError(`plateau: the saved state has ${state.length} numbers, expected 4. It belongs to another schedule.`);
      const [savedRate = lr, savedBest = 0, known = 0, savedBad = 0] = state;
      [current, best, bad] = [savedRate, known ? savedBest : Infinity, savedBad];
    },
  };
}
