import { numericsFromMetadata, parseSafetensors, readSafetensorsHeader, torchvisionNumerics } from "@roentgen/checkpoints";
import { CheckpointError, type StateDict } from "@roentgen/core";
import type { LoadedInit } from "@roentgen/runner";
import type { Depth, WeightsFacts } from "./choices.ts";

/** A header names a few hundred tensors in some 50 KiB; a file that claims more than this is something else. */
const mostHeaderBytes = 16 * 2 ** 20;
/** Larger than any ResNet in f32, and what a tab can hold. */
const mostFileBytes = 2 ** 30;

const blocks: readonly (readonly [depth: Depth, bottleneck: boolean, stages: string])[] = [
  [18, false, "2,2,2,2"], [34, false, "3,4,6,3"], [50, true, "3,4,6,3"], [101, true, "3,4,23,3"], [152, true, "3,8,36,3"],
];

/** Reads a safetensors file's header alone. Throws CheckpointError unless it holds a ResNet. */
export async function inspectWeights(file: File): Promise<WeightsFacts> {
  if (file.size > mostFileBytes) throw new CheckpointError(`${file.name}: ${file.size} bytes; a ResNet has at most ${mostFileBytes}. Is it the right file?`);
  const start = new Uint8Array(await file.slice(0, mostHeaderBytes).arrayBuffer());
  const { tensors, metadata } = readSafetensorsHeader(start, { fileBytes: file.size, name: file.name });
  return { depth: depthOf([...tensors.keys()], file.name), numerics: numericsFromMetadata(metadata) };
}

/** The whole file as a trial's first weights. A U-Net's encoder is taken out of it. */
export async function loadWeights(file: File): Promise<LoadedInit> {
  const { numerics = torchvisionNumerics } = await inspectWeights(file);
  const { tensors } = parseSafetensors(new Uint8Array(await file.arrayBuffer()), { name: file.name });
  return { kind: "weights", tensors: encoderOf(tensors), numerics };
}

/** Which ResNet has tensors of these names (torchvision's, or a U-Net's with `encoder.` before them). */
export function depthOf(names: readonly string[], source: string): Depth {
  const bare = new Set(names.map((name) => name.replace(/^encoder\./, "")));
  const stages = [1, 2, 3, 4].map((stage) => new Set([...bare].flatMap((name) => name.match(`^layer${stage}\\.(\\d+)\\.conv1\\.weight$`)?.[1] ?? [])).size);
  const bottleneck = bare.has("layer1.0.conv3.weight");
  const found = blocks.find(([, wide, counts]) => wide === bottleneck && counts === stages.join());
  if (!found || !bare.has("conv1.weight")) {
    throw new CheckpointError(`${source}: this is no ResNet-18, 34, 50, 101 or 152 with torchvision's names: expected conv1.weight and layer1.0.conv1.weight to layer4, found ${names.length} tensors with ${stages.join("-")} blocks${names[0] === undefined ? "" : `, the first "${names[0].slice(0, 60)}"`}.`);
  }
  return found[0];
}

const encoderOf = (tensors: StateDict): StateDict =>
  tensors.has("conv1.weight") ? tensors : new Map([...tensors].flatMap(([name, tensor]) => (name.startsWith("encoder.") ? [[name.slice("encoder.".length), tensor] as const] : [])));
