// The canonical names and shapes of a ResNet's state dict, as torchvision has them: what every conversion is held to.
import { CheckpointError, format, type Shape } from "@roentgen/core";
import { quote } from "../json.ts";
import type { LazyTensor } from "../lazy-tensor.ts";

export type ArchName = "resnet18" | "resnet34" | "resnet50" | "resnet101" | "resnet152";
export interface Architecture {
  readonly name: ArchName;
  readonly blocks: readonly number[];
  readonly bottleneck: boolean;
}

const architectures: readonly Architecture[] = [
  { name: "resnet18", blocks: [2, 2, 2, 2], bottleneck: false },
  { name: "resnet34", blocks: [3, 4, 6, 3], bottleneck: false },
  { name: "resnet50", blocks: [3, 4, 6, 3], bottleneck: true },
  { name: "resnet101", blocks: [3, 4, 23, 3], bottleneck: true },
  { name: "resnet152", blocks: [3, 8, 36, 3], bottleneck: true },
];

/** A convolution and the batch norm behind it: module names, and the filter's shape. */
export interface ConvBn {
  readonly conv: string;
  readonly bn: string;
  readonly shape: readonly [out: number, input: number, height: number, width: number];
}

/** All convolutions in network order, the shortcut last in its block. `width`: channels of the stem, 64 in every published model. */
export function convolutions({ blocks, bottleneck }: Architecture, width = 64): ConvBn[] {
  const list: ConvBn[] = [{ conv: "conv1", bn: "bn1", shape: [width, 3, 7, 7] }];
  const expansion = bottleneck ? 4 : 1;
  let inputs = width;
  blocks.forEach((count, stage) => {
    const planes = width * 2 ** stage;
    const outputs = planes * expansion;
    for (let block = 0; block < count; block++) {
      const at = `layer${stage + 1}.${block}`;
      const kernels = bottleneck ? [[planes, inputs, 1], [planes, planes, 3], [outputs, planes, 1]] : [[planes, inputs, 3], [planes, planes, 3]];
      kernels.forEach(([out = 0, input = 0, k = 0], i) => list.push({ conv: `${at}.conv${i + 1}`, bn: `${at}.bn${i + 1}`, shape: [out, input, k, k] }));
      if (block === 0 && (stage > 0 || inputs !== outputs)) list.push({ conv: `${at}.downsample.0`, bn: `${at}.downsample.1`, shape: [outputs, inputs, 1, 1] });
      inputs = outputs;
    }
  });
  return list;
}

export const batchNormFields = ["weight", "bias", "running_mean", "running_var"] as const;

/** Every tensor of a backbone by name, in torchvision's order; `num_batches_tracked` too, which older files lack. */
export function canonicalShapes(architecture: Architecture, width = 64): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { conv, bn, shape } of convolutions(architecture, width)) {
    shapes.set(`${conv}.weight`, shape);
    for (const field of batchNormFields) shapes.set(`${bn}.${field}`, [shape[0]]);
    shapes.set(`${bn}.num_batches_tracked`, []);
  }
  return shapes;
}

/** Channels of the pooled features. */
export const featuresOf = ({ bottleneck }: Architecture, width: number): number => width * 8 * (bottleneck ? 4 : 1);

/** Which ResNet these names make: by the number of blocks and the kind of block. Throws CheckpointError if it is none. */
export function architectureOf(names: ReadonlySet<string>, who: string): Architecture {
  const bottleneck = names.has("layer1.0.conv3.weight");
  const counts = [1, 2, 3, 4].map((stage) => {
    let blocks = 0;
    while (names.has(`layer${stage}.${blocks}.conv1.weight`)) blocks++;
    return blocks;
  });
  const found = architectures.find((a) => a.bottleneck === bottleneck && a.blocks.every((n, i) => n === counts[i]));
  if (found) return found;
  throw new CheckpointError(`${who}: blocks ${counts.join("-")} of ${bottleneck ? "three" : "two"} convolutions make no ResNet-18, 34, 50, 101 or 152. Another architecture, or a file that is not whole.`);
}

/**
 * Holds tensors under torchvision's names to the architecture they claim.
 *
 * @param tensors  a backbone's tensors alone
 * @returns the architecture and its width
 * @throws CheckpointError with what is missing, what is strange, or the first tensor whose shape is wrong, and both shapes
 */
export function checkBackbone(tensors: ReadonlyMap<string, LazyTensor>, who: string): { architecture: Architecture; width: number } {
  const architecture = architectureOf(new Set(tensors.keys()), who);
  const stem = tensors.get("conv1.weight");
  const width = stem?.shape[0] ?? 64;
  if (stem && (stem.shape.length !== 4 || stem.shape[2] !== 7)) {
    throw new CheckpointError(`${who}: "conv1.weight" is ${format(stem.dtype, stem.shape)}, expected f32[64,3,7,7]. A stem of another form (deep, or for small images) is another architecture.`);
  }
  const wanted = canonicalShapes(architecture, width);
  const missing = [...wanted.keys()].filter((name) => !tensors.has(name) && !name.endsWith(".num_batches_tracked"));
  if (missing.length > 0) throw new CheckpointError(`${who}: ${missing.length} of ${architecture.name}'s tensors are missing: ${some(missing)}. The file is not whole, or of another architecture.`);
  const strange = [...tensors.keys()].filter((name) => !wanted.has(name));
  if (strange.length > 0) throw new CheckpointError(`${who}: ${strange.length} tensors have no place in ${architecture.name}: ${some(strange)}. Another architecture (squeeze-excite, bias, a deep stem)?`);
  for (const [name, tensor] of tensors) {
    const shape = wanted.get(name)!;
    const count = name.endsWith(".num_batches_tracked");
    const fits = count ? tensor.shape.every((n) => n === 1) && tensor.shape.length <= 1 : tensor.shape.length === shape.length && tensor.shape.every((n, i) => n === shape[i]);
    if (!fits) throw new CheckpointError(`${who}: "${name}" is ${format(tensor.dtype, tensor.shape)}, ${architecture.name} has ${format(count ? "i64" : "f32", shape)}. Another architecture, or a wider one.`);
  }
  return { architecture, width };
}

/** A few names for a message. */
export const some = (names: readonly string[]): string => names.slice(0, 6).map(quote).join(", ") + (names.length > 6 ? ", ..." : "");
