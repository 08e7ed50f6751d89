import type { StateDict } from "@roentgen/core";
import { imagenetInput, type Numerics } from "@roentgen/checkpoints";

/** Where a trial's first weights come from. */
export type LoadedInit =
  | { readonly kind: "random" }
  | { readonly kind: "weights"; readonly tensors: StateDict; readonly numerics: Numerics | undefined }
  | { readonly kind: "unavailable"; readonly reason: string };

export interface InitSource {
  /** For the report: what these weights are and where they came from. */
  readonly description: string;
  /** Of the file, where other weights may lie under the same name tomorrow: results of one are not taken for results of the other. */
  readonly sha256?: string;
  load(): Promise<LoadedInit>;
}

/** Drawn anew for each trial from its seed, as torchvision draws them. */
export const randomInit: InitSource = { description: "drawn at random for each trial (Kaiming normal, fan_out)", load: async () => ({ kind: "random" }) };

/** Loads initialisations by name and keeps the last: a study may have twenty, of a hundred megabytes each. */
export function oneAtATime(inits: ReadonlyMap<string, InitSource>): (name: string) => Promise<LoadedInit> {
  let last: { readonly name: string; readonly init: LoadedInit } | null = null;
  return async (name) => {
    if (last?.name === name) return last.init;
    // Let go before the next comes, not after.
    last = null;
    const source = inits.get(name);
    const init: LoadedInit = source ? await source.load() : { kind: "unavailable", reason: `there is no initialisation named "${name}"; known: ${[...inits.keys()].join(", ")}` };
    last = { name, init };
    return init;
  };
}

/** Mean and SD that a model's input is normalised with. */
export const inputOf = (init: LoadedInit): Numerics["input"] => (init.kind === "weights" ? (init.numerics?.input ?? imagenetInput) : imagenetInput);
