// What a network's tensors do not say but its outputs depend on. It travels as text in a safetensors file's metadata, and the
// model loader acts on it.
import { CheckpointError } from "@roentgen/core";
import { quote } from "./json.ts";

export interface Numerics {
  /** Which convolution of a bottleneck's first block has the stride: `3x3` (v1.5, torchvision) or `1x1` (v1, Caffe, Keras). */
  readonly strideOn: "1x1" | "3x3";
  /** `same`: TensorFlow's rule, with the odd pixel of padding at the bottom and right. */
  readonly padding: "symmetric" | "same";
  /** Of the max-pool, where it differs from the convolutions' (SimCLR). Absent: as `padding`. */
  readonly poolPadding?: "symmetric" | "same";
  readonly bnEps: number;
  /** The model takes RGB: values scaled to `range`, then minus `mean`, over `std`, per channel. */
  readonly input: { readonly mean: Triple; readonly std: Triple; readonly range: readonly [number, number] };
}
export type Triple = readonly [number, number, number];

/** Mean and standard deviation of ImageNet's RGB in [0, 1], as torchvision defines them. */
export const imagenetInput: Numerics["input"] = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], range: [0, 1] };

/** How torchvision's ResNets compute: what to assume of a file that says nothing, if the caller wants to assume. */
export const torchvisionNumerics: Numerics = { strideOn: "3x3", padding: "symmetric", bnEps: 1e-5, input: imagenetInput };

const keys = {
  stride: "roentgen.stride", padding: "roentgen.padding", bnEps: "roentgen.bn_eps",
  mean: "roentgen.input_mean", std: "roentgen.input_std", range: "roentgen.input_range",
} as const;

const poolPaddingKey = "roentgen.pool_padding";

/** The six metadata entries that say it all, and a seventh where the max-pool pads differently. Numbers are written in the shortest form that reads back to the same bits. */
export function numericsToMetadata({ strideOn, padding, poolPadding = padding, bnEps, input }: Numerics): Map<string, string> {
  return new Map([
    [keys.stride, strideOn], [keys.padding, padding], [keys.bnEps, String(bnEps)],
    [keys.mean, input.mean.join(" ")], [keys.std, input.std.join(" ")], [keys.range, input.range.join(" ")],
    ...(poolPadding === padding ? [] : [[poolPaddingKey, poolPadding] as const]),
  ]);
}

/**
 * The inverse of `numericsToMetadata`.
 * @returns undefined if the metadata have none of its keys (a file from elsewhere): the caller decides what to assume
 * @throws CheckpointError if some are missing or any is malformed: half a description is worse than none
 */
export function numericsFromMetadata(metadata: ReadonlyMap<string, string>): Numerics | undefined {
  const wanted = Object.values(keys);
  const missing = wanted.filter((key) => !metadata.has(key));
  if (missing.length === wanted.length) return undefined;
  if (missing.length > 0) throw new CheckpointError(`metadata: ${missing.join(", ")} missing, though other numerics are given. Convert the original file again.`);
  const bnEps = numbers(metadata, keys.bnEps, 1);
  const std = numbers(metadata, keys.std, 3);
  const range = numbers(metadata, keys.range, 2);
  if (!(bnEps[0]! > 0)) malformed(metadata, keys.bnEps, "a number above 0");
  if (!std.every((s) => s > 0)) malformed(metadata, keys.std, "three numbers above 0");
  if (!(range[0]! < range[1]!)) malformed(metadata, keys.range, "a lower and a higher number");
  return {
    strideOn: choice(metadata, keys.stride, ["1x1", "3x3"]),
    padding: choice(metadata, keys.padding, ["symmetric", "same"]),
    ...(metadata.has(poolPaddingKey) ? { poolPadding: choice(metadata, poolPaddingKey, ["symmetric", "same"] as const) } : {}),
    bnEps: bnEps[0]!,
    input: { mean: numbers(metadata, keys.mean, 3) as unknown as Triple, std: std as unknown as Triple, range: [range[0]!, range[1]!] },
  };
}

function malformed(metadata: ReadonlyMap<string, string>, key: string, expected: string): never {
  throw new CheckpointError(`metadata: ${key} must be ${expected}, is ${quote(metadata.get(key) ?? "")}.`);
}

function choice<T extends string>(metadata: ReadonlyMap<string, string>, key: string, choices: readonly T[]): T {
  return choices.find((c) => c === metadata.get(key)) ?? malformed(metadata, key, choices.join(" or "));
}

function numbers(metadata: ReadonlyMap<string, string>, key: string, count: number): number[] {
  const values = (metadata.get(key) ?? "").split(" ").map((word) => (word === "" ? Number.NaN : Number(word)));
  if (values.length !== count || !values.every(Number.isFinite)) malformed(metadata, key, `${count} number${count > 1 ? "s" : ""} with a space between`);
  return values;
}
