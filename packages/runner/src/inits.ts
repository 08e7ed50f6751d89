import { ConfigError, type StateDict } from "@roentgen/core";
import { imagenetInput, type Numerics } from "@roentgen/checkpoints";

/** Where a trial's first weights come from. */
export type LoadedInit =
  | { readonly kind: "random" }
  | { readonly kind: "weights"; readonly tensors: StateDict; readonly numerics: Numerics | undefined }
  /** `mustBeThere`: trials that begin with it cannot be left out of a study. */
  | { readonly kind: "unavailable"; readonly reason: string; readonly mustBeThere?: true };

export interface InitSource {
  /** For the report: what these weights are and where they came from. */
  readonly description: string;
  /** Of the file: results of other weights under the same name are not taken for results of these. */
  readonly sha256?: string;
  load(): Promise<LoadedInit>;
}

/** Drawn anew for each trial from its seed, as torchvision draws them. */
export const randomInit: InitSource = { description: "drawn at random for each trial (Kaiming normal, fan_out)", load: async () => ({ kind: "random" }) };

/** Throws ConfigError for a name that nobody knows. */
export function sourceOf(inits: ReadonlyMap<string, InitSource>, name: string): InitSource {
  const source = inits.get(name);
  if (!source) throw new ConfigError(`there is no initialisation named "${name}". Known: ${[...inits.keys()].join(", ")}.`);
  return source;
}

/** Loads initialisations by name and keeps the last: a study may have twenty, of a hundred megabytes each. */
export function oneAtATime(inits: ReadonlyMap<string, InitSource>): (name: string) => Promise<LoadedInit> {
  let last: { readonly name: string; readonly init: LoadedInit } | null = null;
  return async (name) => {
    if (last?.name === name) return last.init;
    // Let go before the next comes, not after.
    last = null;
    const init = await sourceOf(inits, name).load();
    last = { name, init };
    return init;
  };
}

/** How the network of these weights is fed, as its file says; ImageNet's mean and SD where it says nothing. */
export const inputOf = (init: LoadedInit): Numerics["input"] => (init.kind === "weights" ? (init.numerics?.input ?? imagenetInput) : imagenetInput);

/** Mean and SD for pixels in [0, 1], which is what `imageToFloat` makes of bytes: (low + x (high - low) - mean) / std = (x - mean') / std'. */
export function inUnitRange({ mean: [r, g, b], std: [dr, dg, db], range: [low, high] }: Numerics["input"]): Pick<Numerics["input"], "mean" | "std"> {
  const scale = high - low;
  return { mean: [(r - low) / scale, (g - low) / scale, (b - low) / scale], std: [dr / scale, dg / scale, db / scale] };
}
