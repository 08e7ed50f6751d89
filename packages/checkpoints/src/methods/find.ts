// Where in a container a backbone may be: every dict of tensors near the top, and in each every prefix under which a whole
// ResNet seems to hang.
import { CheckpointError } from "@roentgen/core";
import type { LazyTensor } from "../lazy-tensor.ts";
import { asTensor, type Dict, type Value } from "../pickle/values.ts";
import { type Style, styles } from "./styles.ts";

/** A dict of tensors. `at` is the way to it, `state_dict` or empty; `others` its entries that are no tensors. */
export interface TensorDict {
  readonly at: string;
  readonly tensors: ReadonlyMap<string, LazyTensor>;
  readonly others: readonly string[];
}

/** A network in a dict: the names that begin with `prefix`, in one of the known styles. */
export interface Candidate {
  readonly dict: TensorDict;
  readonly prefix: string;
  readonly style: Style;
}

const mostDepth = 3;
const mostDicts = 1000;
/** Of all dicts; ResNet-152 with two copies and their optimiser has 4000. */
const mostTensors = 50_000;

/** Dicts with text keys and tensors, outermost first, down to the third level. */
export function tensorDicts(root: Value): TensorDict[] {
  const found: TensorDict[] = [];
  const seen = new Set<Value>();
  let tensors = 0;
  let level: { at: string; value: Value }[] = [{ at: "", value: root }];
  for (let depth = 0; depth <= mostDepth && seen.size < mostDicts; depth++) {
    const next: typeof level = [];
    for (const { at, value } of level) {
      if (!(value instanceof Map) || seen.has(value)) continue;
      seen.add(value);
      const dict = toTensorDict(at, value);
      tensors += dict.tensors.size;
      if (tensors > mostTensors) throw new CheckpointError(`more than ${mostTensors} tensors. This is no ResNet's checkpoint.`);
      if (dict.tensors.size > 0) found.push(dict);
      for (const [key, child] of value) if (typeof key === "string" && child instanceof Map) next.push({ at: at === "" ? key : `${at}.${key}`, value: child });
    }
    level = next;
  }
  return found;
}

function toTensorDict(at: string, dict: Dict): TensorDict {
  const tensors = new Map<string, LazyTensor>();
  const others: string[] = [];
  for (const [key, value] of dict) {
    const tensor = asTensor(value);
    if (typeof key === "string" && tensor) tensors.set(key, tensor);
    else others.push(typeof key === "string" ? key : `(${typeof key})`);
  }
  return { at, tensors, others };
}

/** What reading a variable appends to its name in a graph. */
const readings = /(\/(read|resource|ReadVariableOp))+$/;

/**
 * A dict whose names begin and end as variables do, where a graph put a scope before each (`model/conv1/kernel/ReadVariableOp`).
 * Undefined where no name is, or ends with, `anchor`; of several the shortest counts, for a copy's name (`ema_model/...`) is longer.
 */
export function withoutScope({ at, tensors, others }: TensorDict, anchor: string): TensorDict | undefined {
  const clean = [...tensors].map(([name, tensor]) => [name.replace(readings, ""), tensor] as const);
  const [found] = clean.map(([name]) => name).filter((name) => name === anchor || name.endsWith(`/${anchor}`)).sort((a, b) => a.length - b.length);
  if (found === undefined) return undefined;
  const scope = found.slice(0, -anchor.length);
  const short = new Map(clean.map(([name, tensor]) => [name.startsWith(scope) ? name.slice(scope.length) : name, tensor]));
  if (short.size < tensors.size) throw new CheckpointError(`${tensors.size - short.size} tensors have a name that another has too, but for what a graph adds to it.`);
  return { at: scope === "" ? at : `${at}${at === "" ? "" : ":"}${scope}`, tensors: short, others };
}

/** More networks than that are no checkpoint; it also bounds the work on names that were made up. */
const mostCandidates = 16;

/** Every network in these dicts, in order. A network is known by one convolution deep in its last stage. */
export function candidatesIn(dicts: readonly TensorDict[]): Candidate[] {
  const found: Candidate[] = [];
  for (const dict of dicts) {
    for (const name of dict.tensors.keys()) {
      if (found.length >= mostCandidates) return found;
      for (const style of styles) {
        const prefix = name.endsWith(style.anchor) ? name.slice(0, -style.anchor.length) : undefined;
        if (prefix !== undefined && (prefix === "" || prefix.endsWith("."))) found.push({ dict, prefix, style });
      }
    }
  }
  return found;
}
