// Which method's file this is, and where its backbone lies. A row of rows.ts fits if the dict, the prefix, the style and the
// other names are as it says; where several fit, the file's name decides, and the report says that it did.
import { CheckpointError } from "@roentgen/core";
import { quote } from "../json.ts";
import type { LazyTensor } from "../lazy-tensor.ts";
import { torchvisionNumerics } from "../numerics.ts";
import { Inert, type Value } from "../pickle/values.ts";
import { architectureOf, some } from "./architecture.ts";
import { byolParts, findByol } from "./byol.ts";
import { type Candidate, candidatesIn, type TensorDict, tensorDicts, withoutScope } from "./find.ts";
import type { Found, Sureness } from "./found.ts";
import { type MethodRow, methodRows } from "./rows.ts";
import { findSimclr, looksLikeSimclr, simclrAnchor } from "./simclr.ts";

export interface RecogniseOptions {
  /** A method's id, `plain` for any ResNet, or `auto`. */
  readonly method: string;
  /** Take the network under this prefix, wherever there are several. */
  readonly prefix: string | undefined;
  readonly fileName: string;
  /** The file's name inside of an archive. */
  readonly member?: string | undefined;
}

/** Ids that `method` may name beside `auto`. */
export const methodIds: readonly string[] = [...new Set([...methodRows.map(({ id }) => id), "simclr-v1", "simclr-v2", "byol", "keras-resnet50", "smp-unet", "plain"])];

/** @throws CheckpointError if there is no network, or several and no way to tell which is meant */
export function recognise(root: Value, options: RecogniseOptions): Found {
  const { method, fileName } = options;
  const byol = byolParts(root);
  if (byol) return agreed(findByol(byol), options);
  const dicts = tensorDicts(root);
  const simclr = dicts.map((dict) => withoutScope(dict, simclrAnchor)).find((dict) => dict && looksLikeSimclr(dict));
  if (simclr) return agreed(findSimclr(simclr), options);
  const candidates = candidatesIn(dicts).filter(({ prefix }) => options.prefix === undefined || prefix === options.prefix);
  if (candidates.length === 0) throw new CheckpointError(`${fileName}: ${nothingFound(root, dicts, options)}`);
  const all = methodRows.flatMap((row) => candidates.filter((candidate) => fit(row, candidate)).map((candidate) => ({ row, candidate })));
  const fits = all.filter(({ row }) => method === "auto" || method === row.id);
  const unet = candidates.find(({ dict, prefix }) => dict.tensors.has(`${prefix.replace(/encoder\.$/, "")}decoder.blocks.0.conv1.0.weight`) && prefix.endsWith("encoder."));
  if (unet && (method === "auto" || method === "smp-unet")) return takeUnet(unet);
  const named = fits.filter(({ row }) => row.fileName?.test(baseName(options.member ?? fileName)));
  const [best] = named.length > 0 ? named : fits;
  if (best && method !== "plain" && method !== "smp-unet") {
    const alike = [...new Set(all.map(({ row }) => row.id))].filter((id) => id !== best.row.id);
    const sureness: Sureness = alike.length === 0 ? "certain" : method !== "auto" ? "asked" : new Set(named.map(({ row }) => row.id)).size === 1 ? "likely" : "guess";
    const found = take(best.row, best.candidate, sureness, [whereText(best.candidate), ...decided(sureness, best.row.id)], alike);
    // Whoever guesses does not grant a licence.
    return sureness === "guess" ? { ...found, licence: "unknown, as long as it is not known whose file this is" } : found;
  }
  if (method !== "auto" && method !== "plain") throw new CheckpointError(`${fileName}: the file is not what ${method} releases: ${candidates.slice(0, 3).map(whereText).join("; ")}. Try --method auto.`);
  const [first, second] = candidates;
  if (second) throw new CheckpointError(`${fileName}: ${candidates.length} networks: ${candidates.slice(0, 6).map(whereText).join("; ")}. Say which with --prefix.`);
  return take(plainRow(first!, "plain", "a ResNet of unknown training"), first!, "guess", [whereText(first!), "no known method's file looks like this"], []);
}

const baseName = (path: string): string => path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);

/** What decided between methods whose files hold the same. */
function decided(sureness: Sureness, id: string): string[] {
  switch (sureness) {
    case "certain": return [];
    case "asked": return [`${id} was asked for; nothing in the file says otherwise`];
    case "likely": return [`the file's name speaks for ${id}`];
    case "guess": return ["neither what is in the file nor its name tells which it is"];
    default: return sureness satisfies never;
  }
}

/** Whoever names a method that the file contradicts is told so. */
function agreed(found: Found, { method, fileName }: RecogniseOptions): Found {
  if (method !== "auto" && method !== found.method) throw new CheckpointError(`${fileName}: this is a file of ${found.method} (${found.because.join("; ")}), not of ${method}. Try --method auto.`);
  return found;
}

const whereText = ({ dict, prefix, style }: Candidate): string =>
  `${dict.at === "" ? "the outermost dict" : quote(dict.at)} holds a ${style.name === "torchvision" ? "" : `${style.name}-style `}ResNet ${prefix === "" ? "without a prefix" : `under ${quote(prefix)}`}`;

function nothingFound(root: Value, dicts: readonly TensorDict[], { prefix }: RecogniseOptions): string {
  // As torch.nn.Module keeps its parts.
  if (root instanceof Inert && root.state instanceof Map && root.state.has("_modules")) return `it holds a whole ${quote(root.path.replace(" ", "."))}, whose code would have to be run to read it. Save its state in its place: torch.save(model.state_dict(), path).`;
  if (dicts.length === 0) return "no dict of tensors in it. In a shell, roentgen inspect lists what there is.";
  const sizes = dicts.slice(0, 3).map(({ at, tensors }) => `${at === "" ? "outermost" : quote(at)}: ${tensors.size} tensors, ${some([...tensors.keys()])}`);
  const folded = dicts.some(({ tensors }) => [...tensors.keys()].some((name) => name.endsWith("_bn_offset")));
  return `no ResNet${prefix === undefined ? "" : ` under ${quote(prefix)}`} in ${sizes.join("; ")}. ${folded ? "Its batch norms were folded into its filters when the graph was made, and cannot be told from them; convert the model that it was made of." : "In a shell, roentgen inspect lists what there is."}`;
}

function fit(row: MethodRow, { dict, prefix, style }: Candidate): boolean {
  if (!row.at.includes(dict.at) || !row.prefixes.includes(prefix) || (row.style ?? "torchvision") !== style.name) return false;
  const names = [...dict.tensors.keys()];
  if (!(row.needs ?? []).every((pattern) => names.some((name) => pattern.test(name)))) return false;
  if ((row.lacks ?? []).some((pattern) => names.some((name) => pattern.test(name)))) return false;
  if (!row.anyDepth && depthOf(dict, prefix, style) !== "resnet50") return false;
  const queue = dict.tensors.get("module.queue")?.shape[1];
  if (queue !== undefined && row.queue !== undefined && queue !== row.queue) return false;
  if (row.head === undefined || headOf(row, dict.tensors, prefix) !== undefined) return true;
  return row.head.mayMiss === true && !names.some((name) => name.startsWith(`${prefix}fc.`) || name.startsWith(`${prefix}classifier.`));
}

function depthOf(dict: TensorDict, prefix: string, style: Candidate["style"]): string | undefined {
  const names = [...dict.tensors.keys()].flatMap((name) => (name.startsWith(prefix) ? (style.toTorchvision(name.slice(prefix.length)) ?? []) : []));
  try {
    return architectureOf(new Set(names), "").name;
  } catch {
    return undefined;
  }
}

function headOf(row: MethodRow, tensors: ReadonlyMap<string, LazyTensor>, prefix: string): string | undefined {
  return row.head?.names.flatMap((name) => [prefix + name, name]).find((name) => {
    const rows = tensors.get(`${name}.weight`)?.shape;
    return rows?.length === 2 && rows[0] === row.head?.classes && tensors.has(`${name}.bias`);
  });
}

/** A row for a network of no known method: what lies outside its prefix is left out. */
function plainRow({ dict, prefix }: Candidate, id: string, title: string): MethodRow {
  const classes = dict.tensors.get(`${prefix}fc.weight`)?.shape[0];
  return {
    id, title, at: [dict.at], prefixes: [prefix],
    drop: prefix === "" ? [/^(fc|head|heads|classifier|projector|projection\w*|prediction\w*|predictor|prototypes|linear|queue\w*)\b/] : [new RegExp(`^(?!${prefix.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")})`), /\.(fc|head|classifier|projector)\./],
    ...(classes === undefined ? {} : { head: { names: ["fc"], classes, labels: `unknown-${classes}` } }),
    numerics: torchvisionNumerics,
    licence: "unknown",
  };
}

/** A whole U-Net: its encoder as any network, and what hangs beside it. */
function takeUnet(unet: Candidate): Found {
  const outer = unet.prefix.replace(/encoder\.$/, "");
  const isDecoder = (name: string): boolean => name.startsWith(outer) && /^(decoder|segmentation_head)\./.test(name.slice(outer.length));
  const found = take(plainRow(unet, "smp-unet", "segmentation-models' U-Net"), unet, "certain", ["an encoder and decoder.blocks hang side by side"], []);
  return {
    ...found,
    dropped: found.dropped.filter((name) => !isDecoder(name)),
    decoder: new Map([...unet.dict.tensors].filter(([name]) => isDecoder(name)).map(([name, tensor]) => [name.slice(outer.length), tensor])),
  };
}

function take(row: MethodRow, { dict, prefix, style }: Candidate, sureness: Sureness, because: readonly string[], alike: readonly string[]): Found {
  const names = new Map<string, string>();
  const backbone = new Map<string, LazyTensor>();
  const head = new Map<string, LazyTensor>();
  const dropped: string[] = [];
  const strangers: string[] = [];
  const headName = headOf(row, dict.tensors, prefix);
  for (const [name, tensor] of dict.tensors) {
    const field = headName === undefined ? undefined : name === `${headName}.weight` ? "fc.weight" : name === `${headName}.bias` ? "fc.bias" : undefined;
    const ours = field ?? (name.startsWith(prefix) ? style.toTorchvision(name.slice(prefix.length)) : undefined);
    if (field !== undefined) head.set(field, tensor);
    else if (ours !== undefined && /^(conv1|bn1|layer[1-4]\.)/.test(ours)) backbone.set(ours, tensor);
    else {
      (row.drop.some((pattern) => pattern.test(name)) ? dropped : strangers).push(name);
      continue;
    }
    names.set(ours!, name);
  }
  return {
    method: row.id, title: row.title, sureness, because, alike,
    path: `${dict.at}${dict.at === "" ? "" : ":"}${prefix}`,
    names, backbone, head,
    labels: row.head?.labels ?? "none",
    dropped, strangers,
    numerics: row.numerics,
    licence: row.licence,
  };
}
