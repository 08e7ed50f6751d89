import type { LazyTensor } from "../lazy-tensor.ts";
import { asTensor, type Dict, Record, type Value } from "../pickle/values.ts";

export type ContainerKind = "safetensors" | "torch-zip" | "torch-legacy" | "torch-tar" | "pickle" | "tf-bundle" | "npz" | "npy" | "tfjs";

/** What a file holds, tensors unread. */
export interface Container {
  readonly kind: ContainerKind;
  /** `gzip` and `zip`, outermost first, if the container was packed. */
  readonly packedIn: readonly string[];
  /** What it is called inside of the archive, if it was in one: that says more than what the archive is called. */
  readonly member?: string;
  /** A pickle's object; a Map from name to tensor for formats that are one. */
  readonly root: Value;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A tensor, or something else, at a place in a container. `path` is for people: `state_dict.conv1.weight`. */
export interface Listed {
  readonly path: string;
  readonly value: Value;
  readonly tensor: LazyTensor | undefined;
}

const mostListed = 200_000;
const mostDepth = 32;

/** Every tensor and other leaf of a container (a list of plain values is one), in the file's order; what is reached twice is listed once. Nesting beyond 32 levels is left out. */
export function listContents(root: Value): Listed[] {
  const seen = new Set<Value>();
  const listed: Listed[] = [];
  const pending: { path: string; value: Value; depth: number }[] = [{ path: "", value: root, depth: 0 }];
  for (let next = pending.pop(); next && listed.length < mostListed; next = pending.pop()) {
    const { path, value, depth } = next;
    const tensor = asTensor(value);
    const children = tensor ? [] : childrenOf(value);
    if (children.length === 0 || depth >= mostDepth) {
      listed.push({ path, value, tensor });
      continue;
    }
    if (seen.has(value)) continue;
    seen.add(value);
    for (let i = children.length - 1; i >= 0; i--) {
      const [key, child] = children[i]!;
      pending.push({ path: path === "" ? key : `${path}${key.startsWith("[") ? "" : "."}${key}`.slice(0, 1000), value: child, depth: depth + 1 });
    }
  }
  return listed;
}

function childrenOf(value: Value): (readonly [string, Value])[] {
  if (value instanceof Map) return [...value].map(([key, child]) => [keyText(key), child]);
  if (Array.isArray(value) && value.some((child) => child !== null && typeof child === "object")) return value.map((child, i) => [`[${i}]`, child]);
  if (value instanceof Record) return [...value.fields];
  return [];
}

const keyText = (key: Value): string => (typeof key === "string" ? key : typeof key === "object" ? "(object)" : `[${String(key)}]`);

/** A dict by the names on the way to it; undefined where there is none. */
export function dictAt(root: Value, path: readonly string[]): Dict | undefined {
  let value: Value | undefined = root;
  for (const key of path) value = value instanceof Map ? value.get(key) : value instanceof Record ? value.fields.get(key) : undefined;
  return value instanceof Map ? value : undefined;
}
