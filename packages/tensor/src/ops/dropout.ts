import { ConfigError, ShapeError } from "@roentgen/core";
import type { Device } from "@roentgen/gpu";
import { dropout as k } from "@roentgen/kernels";
import { keep } from "../checkpoint.ts";
import { groups, launch, op } from "../op.ts";
import { empty, emptyLike, persistent, type Tensor } from "../tensor.ts";
import { expectDType } from "./expect.ts";

/**
 * Random state on the device: u32[2], seed and number of draws so far. Ops that draw advance it there, also in a replayed plan;
 * reading it back and writing it again resumes the same draws.
 *
 * @param seed  a whole number from 0 to 2^32 - 1
 */
export function randomState(device: Device, seed: number): Tensor {
  if (seed !== seed >>> 0) throw new ConfigError(`randomState: seed must be a whole number from 0 to 4294967295, got ${seed}.`);
  const state = persistent(device, [2], "random state", "u32");
  state.write(Uint32Array.of(seed, 0));
  return state;
}

export interface DropoutOptions {
  /** Probability of losing an element, in [0, 1). */
  readonly p?: number;
  /** Out of training, dropout is the identity and draws nothing. */
  readonly train?: boolean;
}

const drop = op("dropout", (x: Tensor, state: Tensor, p: number) => {
  const params = { n: x.size, threshold: Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1), scale: 1 / (1 - p) };
  const key = keep(() => {
    const drawn = empty(x.device, [2], { dtype: "u32" });
    launch(k.draw, { state, drawn, params: {} }, [1, 1, 1]);
    return drawn;
  });
  const masked = (t: Tensor) => {
    const y = emptyLike(t);
    launch(k.apply, { x: t, key, y, params }, groups(k.apply, Math.ceil(t.size / 4)), { flops: t.size });
    return y;
  };
  return [masked(x), [masked, null]];
});

/**
 * Sets elements to 0 with probability p and scales the others by 1 / (1 - p), so that the mean stays. One state gives the same
 * bits, eager or replayed.
 *
 * @param x      f32, any shape
 * @param state  u32[2], from `randomState`; a call in training advances it
 * @throws ShapeError for another dtype, or p outside [0, 1)
 */
export function dropout(x: Tensor, state: Tensor, { p = 0.5, train = true }: DropoutOptions = {}): Tensor {
  expectDType("dropout", "f32", { x });
  expectDType("dropout", "u32", { state });
  if (state.size !== 2) throw new ShapeError(`dropout: state must be u32[2], a seed and a counter, got ${state}. Make it with randomState.`);
  if (!(p >= 0 && p < 1)) throw new ShapeError(`dropout: p must lie in [0, 1), got ${p}.`);
  return train && p > 0 ? drop(x, state, p) : x;
}
