import { NonFiniteError } from "@roentgen/core";
import type { EpochRecord } from "./results.ts";

/** A training loss that is not finite. */
export interface LostLoss {
  readonly trial: string;
  readonly loss: number;
  /** Over all epochs, from 0. */
  readonly step: number;
  /** Those before it. */
  readonly epochs: readonly EpochRecord[];
  readonly rate: number;
}

export class NonFiniteLoss extends NonFiniteError {
  constructor(readonly at: LostLoss, cause = "its cause was not looked for") {
    super(`${at.trial}: the loss of step ${at.step + 1} (epoch ${at.epochs.length + 1}) is ${at.loss}; ${cause}. ${at.step === 0 ? "Nothing was learnt before it: the first weights hold such a value, or one too large" : `Lower the learning rate (${at.rate}); a study file can also set optimizer.maxGradNorm`}.`);
  }
}
