// BYOL from its Haiku pickle: four maps from module path to parameters, for the online and the target network. The online one
// is wanted; its classifier was trained beside it.
import { CheckpointError, format } from "@roentgen/core";
import { quote } from "../json.ts";
import type { LazyTensor } from "../lazy-tensor.ts";
import { asTensor, type Dict, Inert, Record, type Value } from "../pickle/values.ts";
import type { Found } from "./found.ts";
import { reshaped, reversedLayout } from "./mapped.ts";
import { byolNumerics } from "./rows.ts";

interface Parts {
  readonly params: Dict;
  readonly state: Dict;
}

/** The online network's maps: by the state's field names, or, where its class is not in the file, by their order. */
export function byolParts(root: Value): Parts | undefined {
  const holder = root instanceof Map ? (root.get("experiment_state") ?? root) : root;
  const field = (name: string, index: number): Value | undefined =>
    holder instanceof Record ? holder.fields.get(name) : holder instanceof Map ? holder.get(name) : holder instanceof Inert ? holder.args[index] : undefined;
  const [params, state] = [field("online_params", 0), field("online_state", 2)];
  return params instanceof Map && state instanceof Map && [...params.keys()].some((key) => typeof key === "string" && key.includes("initial_conv")) ? { params, state } : undefined;
}

/** A module's path as torchvision's name; undefined outside the backbone. */
function moduleName(path: string): string | undefined {
  const [, ...parts] = path.split("/").filter((part) => part !== "~");
  const [first = "", second = "", third = ""] = parts;
  if (/^initial_conv(_1)?$/.test(first) && parts.length === 1) return "conv1";
  if (first === "initial_batchnorm" && parts.length === 1) return "bn1";
  const [, group] = /^block_group_(\d)$/.exec(first) ?? [];
  const [, block] = /^block_(\d+)$/.exec(second) ?? [];
  if (group === undefined || block === undefined || parts.length !== 3) return undefined;
  const at = `layer${Number(group) + 1}.${block}`;
  if (third === "shortcut_conv") return `${at}.downsample.0`;
  if (third === "shortcut_batchnorm") return `${at}.downsample.1`;
  const [, kind, index] = /^(conv|batchnorm)_(\d)$/.exec(third) ?? [];
  return kind === undefined ? undefined : `${at}.${kind === "conv" ? "conv" : "bn"}${Number(index) + 1}`;
}

const fieldNames = new Map([["w", "weight"], ["scale", "weight"], ["offset", "bias"]]);

/** Batch norms keep [1,1,1,C] there, [C] here. */
function flat(tensor: LazyTensor, who: string): LazyTensor {
  const channels = tensor.shape.at(-1) ?? 0;
  if (!tensor.shape.slice(0, -1).every((n) => n === 1)) throw new CheckpointError(`${who} is ${format(tensor.dtype, tensor.shape)}, expected one value a channel.`);
  return reshaped(tensor, [channels]);
}

const dropModules = /^(projector|predictor|classifier)(\/|$)|\/(projector|predictor)(\/|$)/;

export function findByol({ params, state }: Parts): Found {
  const names = new Map<string, string>();
  const backbone = new Map<string, LazyTensor>();
  const head = new Map<string, LazyTensor>();
  const dropped: string[] = [];
  const strangers: string[] = [];
  const add = (into: Map<string, LazyTensor>, ours: string, theirs: string, tensor: LazyTensor) => {
    if (into.has(ours)) throw new CheckpointError(`BYOL: ${quote(theirs)} and ${quote(names.get(ours) ?? "")} are both ${ours}. Another network, or two in one file.`);
    into.set(ours, tensor);
    names.set(ours, theirs);
  };
  for (const [path, parameter, tensor] of entries(params)) {
    const theirs = `${path} ${parameter}`;
    const module = moduleName(path);
    const field = fieldNames.get(parameter);
    if (module !== undefined && field !== undefined) add(backbone, `${module}.${field}`, theirs, parameter === "w" ? reversedLayout(tensor, quote(theirs)) : flat(tensor, quote(theirs)));
    else if (path === "classifier" && parameter === "w") add(head, "fc.weight", theirs, reversedLayout(tensor, quote(theirs)));
    else if (path === "classifier" && parameter === "b") add(head, "fc.bias", theirs, tensor);
    else (dropModules.test(path) ? dropped : strangers).push(theirs);
  }
  for (const [path, parameter, tensor] of entries(state)) {
    const theirs = `${path} ${parameter}`;
    const [, norm, average] = /^(.*)\/~\/(mean|var)_ema$/.exec(path) ?? [];
    const module = norm === undefined ? undefined : moduleName(norm);
    if (module !== undefined && parameter === "average") add(backbone, `${module}.running_${average}`, theirs, flat(tensor, quote(theirs)));
    else (module !== undefined || dropModules.test(path) ? dropped : strangers).push(theirs);
  }
  return {
    method: "byol",
    title: "BYOL",
    sureness: "certain",
    because: ["the file is a Haiku training state with online_params and online_state"],
    alike: [],
    path: "online_params",
    names,
    backbone,
    head,
    labels: "imagenet1k",
    dropped,
    strangers,
    numerics: byolNumerics,
    licence: "CC BY-NC 4.0 (the weights; the code is Apache-2.0)",
  };
}

function* entries(map: Dict): Generator<[path: string, parameter: string, tensor: LazyTensor]> {
  for (const [path, parameters] of map) {
    if (typeof path !== "string" || !(parameters instanceof Map)) continue;
    for (const [parameter, value] of parameters) {
      const tensor = asTensor(value);
      if (typeof parameter === "string" && tensor) yield [path, parameter, tensor];
    }
  }
}
