// From an opened container to a state dict that a strict torchvision load accepts: find, map, check names and shapes, and only
// then read. What came, what was left out and how sure that is goes into a report; how the network computes into the metadata.
import { CheckpointError, ConfigError, format, type HostTensor, hostTensor, type StateDict } from "@roentgen/core";
import type { Container } from "../containers/container.ts";
import { type Converted, kerasResnet50ToTorchvision } from "../keras-resnet50.ts";
import { LazyTensor } from "../lazy-tensor.ts";
import { type Numerics, numericsFromMetadata, numericsToMetadata } from "../numerics.ts";
import { canonicalShapes, checkBackbone, featuresOf, some } from "./architecture.ts";
import { type TensorDict, tensorDicts, withoutScope } from "./find.ts";
import { type Found, type Sureness, surenesses } from "./found.ts";
import { asCount, asFloat32, zeroCount } from "./mapped.ts";
import { methodIds, recognise } from "./recognise.ts";

export interface ConvertOptions {
  /** Who speaks in errors, and what tells methods apart whose files look the same. */
  readonly fileName: string;
  /** `auto`, or one of `methodIds`. Default `auto`. */
  readonly method?: string;
  /** Takes the network under this prefix (`module.encoder_q.`). */
  readonly prefix?: string;
  /** `native`: as the method trained. `study`: symmetric everywhere, as the study fine-tuned. Default `native`. */
  readonly padding?: "native" | "study";
  /** Leaves out names that no rule knows, instead of refusing the file. */
  readonly dropUnknown?: boolean;
}

export interface ConversionReport {
  readonly method: string;
  readonly title: string;
  readonly sureness: Sureness;
  readonly because: readonly string[];
  readonly alike: readonly string[];
  readonly container: Container["kind"];
  readonly packedIn: readonly string[];
  readonly path: string;
  readonly arch: string;
  /** Channels of the stem: 64 but in tests. */
  readonly width: number;
  readonly tensors: number;
  readonly bytes: number;
  /** [name in the file, name now], where they differ. */
  readonly renamed: readonly (readonly [string, string])[];
  readonly dropped: readonly string[];
  /** Names that were not in the file and were filled in. */
  readonly synthesised: readonly string[];
  /** What the head's classes are, `none` without a head. */
  readonly fc: string;
  readonly licence: string;
}

export interface Conversion {
  /** Torchvision's names, order and layout, unread: f32, and i64 scalars. */
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  readonly numerics: Numerics;
  /** For the safetensors file: the numerics and what the report says, as text. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly report: ConversionReport;
}

export const converterVersion = "1";

/**
 * Converts whatever ResNet an opened container holds.
 * @throws CheckpointError if it holds none, several, one that is not complete, or names that no rule knows
 */
export async function convertContainer(container: Container, options: ConvertOptions): Promise<Conversion> {
  const { fileName, method = "auto", padding = "native", dropUnknown = false } = options;
  if (method !== "auto" && !methodIds.includes(method)) throw new ConfigError(`there is no method ${JSON.stringify(method)}; choose auto or one of ${methodIds.join(", ")}.`);
  const keras = tensorDicts(container.root).map((dict) => withoutScope(dict, "conv1/kernel")).find((dict) => dict?.tensors.has("bn_conv1/gamma"));
  if (keras && (method === "auto" || method === "keras-resnet50")) return fromKeras(container, keras, padding);
  const found = recognise(container.root, { method, prefix: options.prefix, fileName, member: container.member });
  if (found.strangers.length > 0 && !dropUnknown) {
    throw new CheckpointError(`${fileName}: looks like ${found.method}, but has ${found.strangers.length} tensors that ${found.method}'s files do not have: ${some(found.strangers)}. \`roentgen convert --drop-unknown\` leaves them out.`);
  }
  return finish(container, method === "auto" ? asNoted(found, container) : found, padding, fileName);
}

/** A file that this converter wrote says itself what it is. */
function asNoted(found: Found, { metadata }: Container): Found {
  const method = metadata.get("roentgen.method");
  if (method === undefined) return found;
  const noted = metadata.get("roentgen.method_sureness");
  const sureness = surenesses.find((each) => each === noted) ?? "certain";
  return { ...found, method, title: method, sureness, because: ["the file's own metadata say so"], alike: [], licence: metadata.get("roentgen.licence") ?? found.licence, labels: metadata.get("roentgen.fc") ?? found.labels };
}

function finish(container: Container, found: Found, padding: "native" | "study", who: string): Conversion {
  const { architecture, width } = checkBackbone(found.backbone, who);
  const prefix = found.decoder ? "encoder." : "";
  const tensors = new Map<string, LazyTensor>();
  const synthesised: string[] = [];
  for (const name of canonicalShapes(architecture, width).keys()) {
    const tensor = found.backbone.get(name);
    if (!tensor) synthesised.push(name);
    tensors.set(prefix + name, tensor ? ofItsKind(name, tensor, who) : zeroCount);
  }
  for (const [name, tensor] of found.decoder ?? []) tensors.set(name, ofItsKind(name, tensor, who));
  const head = checkHead(found, featuresOf(architecture, width), who);
  for (const [name, tensor] of head) tensors.set(name, asFloat32(tensor, `${who}: "${name}"`));
  const arch = (found.decoder ? "unet-" : "") + architecture.name;
  const renamed = [...found.names].filter(([ours, theirs]) => prefix + ours !== theirs).map(([ours, theirs]) => [theirs, prefix + ours] as const);
  const report: ConversionReport = {
    method: found.method, title: found.title, sureness: found.sureness, because: found.because, alike: found.alike,
    container: container.kind, packedIn: container.packedIn, path: found.path,
    arch, width, tensors: tensors.size, bytes: bytesOf(tensors), renamed,
    dropped: [...found.dropped, ...found.strangers], synthesised,
    fc: head.size > 0 ? found.labels : "none", licence: found.licence,
  };
  // A file of ours, or one whose numerics were noted, keeps them.
  const noted = numericsFromMetadata(container.metadata) ?? found.numerics;
  return describe(tensors, noted, padding, report, container.metadata.get("roentgen.conversion"));
}

const ofItsKind = (name: string, tensor: LazyTensor, who: string): LazyTensor =>
  name.endsWith(".num_batches_tracked") ? asCount(tensor, `${who}: "${name}"`) : asFloat32(tensor, `${who}: "${name}"`);

function checkHead({ head }: Found, features: number, who: string): ReadonlyMap<string, LazyTensor> {
  const [weight, bias] = [head.get("fc.weight"), head.get("fc.bias")];
  if (!weight || !bias) return new Map();
  const classes = weight.shape[0] ?? 0;
  if (weight.shape.length !== 2 || weight.shape[1] !== features || bias.shape.length !== 1 || bias.shape[0] !== classes) {
    throw new CheckpointError(`${who}: the classifier is ${format(weight.dtype, weight.shape)} with bias ${format(bias.dtype, bias.shape)}, expected [classes,${features}] and [classes]. Another architecture?`);
  }
  return new Map([["fc.weight", weight], ["fc.bias", bias]]);
}

const bytesOf = (tensors: ReadonlyMap<string, LazyTensor>): number => [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);

function describe(tensors: ReadonlyMap<string, LazyTensor>, native: Numerics, padding: "native" | "study", report: ConversionReport, conversion?: string): Conversion {
  const { poolPadding: _, ...rest } = native;
  const numerics: Numerics = padding === "study" ? { ...rest, padding: "symmetric" } : native;
  const metadata = new Map([
    ...numericsToMetadata(numerics),
    ["format", "pt"],
    ["roentgen.arch", report.arch],
    ["roentgen.method", report.method],
    ["roentgen.method_sureness", report.sureness],
    ["roentgen.source_container", [...report.packedIn, report.container].join(" > ")],
    ["roentgen.source_path", report.path],
    ["roentgen.converter_version", converterVersion],
    ["roentgen.num_batches_tracked", report.synthesised.length > 0 ? "synthesised" : "source"],
    ["roentgen.fc", report.fc],
    ["roentgen.dropped", String(report.dropped.length)],
    ["roentgen.licence", report.licence],
  ]);
  if (report.alike.length > 0) metadata.set("roentgen.method_alike", report.alike.join(" "));
  if (padding === "study" && (native.padding === "same" || native.poolPadding === "same")) metadata.set("roentgen.padding_native", native.padding === "same" ? "same" : "symmetric, max-pool same");
  if (conversion !== undefined) metadata.set("roentgen.conversion", conversion);
  return { tensors, numerics, metadata, report };
}

/** Keras' network is folded into torchvision's, for which all of it must be read. */
async function fromKeras(container: Container, dict: TensorDict, padding: "native" | "study"): Promise<Conversion> {
  const source: StateDict = new Map();
  // A graph's constants lie among its weights.
  const dropped = [...dict.tensors].filter(([, { dtype }]) => dtype === "i32" || dtype === "bool").map(([name]) => name);
  for (const [name, tensor] of dict.tensors) if (!dropped.includes(name)) source.set(name, await asFloat32(tensor, `"${name}"`).read());
  const { tensors, numerics, description }: Converted = kerasResnet50ToTorchvision(source);
  const lazy = new Map([...tensors].map(([name, tensor]) => [name, new LazyTensor(tensor.dtype, tensor.shape, async () => tensor)]));
  return describe(lazy, numerics, padding, {
    method: "keras-resnet50", title: "supervised ImageNet, Keras", sureness: "certain", because: ["tensors are called conv1/kernel, bn_conv1/gamma, ..."], alike: [],
    container: container.kind, packedIn: container.packedIn, path: dict.at, arch: "resnet50", width: tensors.get("conv1.weight")?.shape[0] ?? 64,
    tensors: lazy.size, bytes: bytesOf(lazy), renamed: [], dropped, synthesised: [...tensors.keys()].filter((name) => name.endsWith("num_batches_tracked")),
    fc: "imagenet1k", licence: "MIT",
  }, description);
}

/** Reads every tensor of a conversion. */
export async function readAll(tensors: ReadonlyMap<string, LazyTensor>): Promise<StateDict> {
  const read: StateDict = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) {
    const { dtype, shape, data } = await tensor.read();
    read.set(name, hostTensor(dtype, shape, data));
  }
  return read;
}
