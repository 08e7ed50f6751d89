import type { LazyTensor } from "../lazy-tensor.ts";
import type { Numerics } from "../numerics.ts";

/** How well a method is known: nothing else looks so; the user decided between some that do; the file's name did; nothing did. */
export const surenesses = ["certain", "asked", "likely", "guess"] as const;
export type Sureness = (typeof surenesses)[number];

/** A backbone that was found in a container, under torchvision's names and in its layout, not yet checked. */
export interface Found {
  readonly method: string;
  readonly title: string;
  readonly sureness: Sureness;
  /** What was seen, a sentence each. */
  readonly because: readonly string[];
  /** Other methods whose files look the same. */
  readonly alike: readonly string[];
  /** Where it was: `state_dict:module.encoder_q.`, `base_model/`. */
  readonly path: string;
  /** Name in the file of each tensor of `backbone` and `head`. */
  readonly names: ReadonlyMap<string, string>;
  readonly backbone: ReadonlyMap<string, LazyTensor>;
  /** `fc.weight` and `fc.bias`. */
  readonly head: ReadonlyMap<string, LazyTensor>;
  /** What the head's classes are; `none` without one. */
  readonly labels: string;
  /** Names that were left out, in the file's order. */
  readonly dropped: readonly string[];
  /** Names that no rule knows. */
  readonly strangers: readonly string[];
  /** Tensors of a whole U-Net beyond its encoder, under their own names. */
  readonly decoder?: ReadonlyMap<string, LazyTensor>;
  readonly numerics: Numerics;
  readonly licence: string;
}
