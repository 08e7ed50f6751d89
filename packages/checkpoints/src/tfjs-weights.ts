// TensorFlow.js models: a model.json with the architecture (layers of Keras, or a graph of TensorFlow) and a weights manifest, which
// both kinds share, and binary shards beside it. The tensors of a manifest group lie back to back, in manifest order, in the concatenation of the group's shards; one tensor may
// cross several. Definition: TensorFlow.js, `tfjs-core/src/io` (weights manifest and loading).
import { CheckpointError, type DType, elementBytes, type HostTensor, hostTensor, makeArray, type Shape, type StateDict } from "@roentgen/core";
import { type JsonObject, type JsonValue, parseJson, quote } from "./json.ts";

const maxModelJsonCharacters = 64 * 2 ** 20;
const maxRank = 8;
const dtypes = new Map<string, DType>([["float32", "f32"], ["int32", "i32"], ["uint8", "u8"], ["bool", "bool"]]);

/** Hands out the bytes of one shard; `path` is relative to model.json, without `.`, `..` or a leading slash. */
export type ReadShard = (path: string) => Uint8Array | Promise<Uint8Array>;

interface Weight {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly bytes: number;
}

/**
 * Reads every tensor of a layers or graph model, under its name in the manifest (`res2a_branch2a/kernel`) and in its layout (HWIO).
 *
 * @param modelJson  the text of model.json
 * @param readShard  asked for each shard once, in manifest order
 * @returns copies, in manifest order
 * @throws CheckpointError if model.json is of another format, names a shard outside its own folder, uses a dtype other than
 *   float32, int32, uint8 or bool, or quantisation; if a name comes twice; if the shards do not hold exactly the declared bytes
 */
export async function readTfjsWeights(modelJson: string, readShard: ReadShard): Promise<StateDict> {
  if (modelJson.length > maxModelJsonCharacters) throw new CheckpointError(`model.json: ${modelJson.length} characters, at most ${maxModelJsonCharacters} are read.`);
  const model = parseJson(modelJson, { name: "model.json" });
  const kind = model instanceof Map ? model.get("format") : undefined;
  if (!(model instanceof Map) || (kind !== "layers-model" && kind !== "graph-model")) {
    throw new CheckpointError(`model.json: expected "format": "layers-model" or "graph-model", got ${JSON.stringify(kind)?.slice(0, 40)}. Other models of TensorFlow.js are not read.`);
  }
  const tensors: StateDict = new Map();
  for (const [index, group] of expectArray(model.get("weightsManifest"), "weightsManifest").entries()) {
    const who = `weightsManifest[${index}]`;
    const fields = expectObject(group, who);
    const weights = expectArray(fields.get("weights"), `${who}.weights`).map((w, i) => readWeight(expectObject(w, `${who}.weights[${i}]`), `${who}.weights[${i}]`));
    const paths = expectArray(fields.get("paths"), `${who}.paths`).map((path) => checkPath(path, who));
    const shards = await readShards(paths, weights.reduce((sum, w) => sum + w.bytes, 0), readShard);
    const read = sequentialReader(shards);
    for (const { name, dtype, shape, bytes } of weights) {
      if (tensors.has(name)) throw new CheckpointError(`model.json: the tensor ${quote(name)} is declared twice.`);
      tensors.set(name, toTensor(dtype, shape, read(bytes)));
    }
  }
  return tensors;
}

const toTensor = (dtype: DType, shape: Shape, bytes: Uint8Array<ArrayBuffer>): HostTensor =>
  hostTensor(dtype, shape, makeArray(dtype, bytes.length / elementBytes[dtype], bytes.buffer, 0));

/** All shards of a group; nothing is allocated for tensors before their bytes are known to be there. */
async function readShards(paths: readonly string[], expected: number, readShard: ReadShard): Promise<Uint8Array[]> {
  const shards: Uint8Array[] = [];
  let total = 0;
  for (const path of paths) {
    const shard = await readShard(path);
    total += shard.length;
    if (total > expected) break;
    shards.push(shard);
  }
  if (total !== expected) {
    throw new CheckpointError(`model.json: its tensors take ${expected} bytes, the ${paths.length} shards have ${total > expected ? "more" : total}. A shard is missing, cut off or from another model.`);
  }
  return shards;
}

/** Copies the next `count` bytes out of consecutive chunks, whose total length has been checked. */
function sequentialReader(chunks: readonly Uint8Array[]): (count: number) => Uint8Array<ArrayBuffer> {
  let index = 0;
  let offset = 0;
  return (count) => {
    const out = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      const chunk = chunks[index];
      if (!chunk) throw new CheckpointError(`internal: shards ended ${count - filled} bytes early.`);
      const piece = chunk.subarray(offset, offset + count - filled);
      out.set(piece, filled);
      filled += piece.length;
      offset += piece.length;
      if (offset === chunk.length) {
        index++;
        offset = 0;
      }
    }
    return out;
  };
}

function readWeight(fields: JsonObject, who: string): Weight {
  const name = fields.get("name");
  if (typeof name !== "string") throw new CheckpointError(`model.json: ${who} has no name.`);
  if (fields.has("quantization")) throw new CheckpointError(`model.json: ${quote(name)} is quantised. Only full-precision weights are read.`);
  const dtypeName = fields.get("dtype");
  const dtype = typeof dtypeName === "string" ? dtypes.get(dtypeName) : undefined;
  if (dtype === undefined) throw new CheckpointError(`model.json: ${quote(name)} has dtype ${JSON.stringify(dtypeName)?.slice(0, 40)}, expected one of ${[...dtypes.keys()].join(" ")}.`);
  const shape = expectArray(fields.get("shape"), `${who}.shape`);
  let bytes = elementBytes[dtype];
  for (const n of shape) {
    if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 0 || !Number.isSafeInteger(bytes * n)) {
      throw new CheckpointError(`model.json: ${quote(name)} has a shape that no file can hold: axis ${String(n).slice(0, 40)}.`);
    }
    bytes *= n;
  }
  if (shape.length > maxRank) throw new CheckpointError(`model.json: ${quote(name)} has ${shape.length} axes, at most ${maxRank} are read.`);
  return { name, dtype, shape: shape as number[], bytes };
}

function checkPath(path: JsonValue, who: string): string {
  if (typeof path === "string" && /^[\w.-]+(\/[\w.-]+)*$/.test(path) && !path.split("/").some((part) => part === "." || part === "..")) return path;
  throw new CheckpointError(`model.json: ${who} names the shard ${quote(String(path))}; expected a plain path below model.json's own folder.`);
}

function expectObject(value: JsonValue | undefined, who: string): JsonObject {
  if (value instanceof Map) return value;
  throw new CheckpointError(`model.json: ${who} must be an object.`);
}

function expectArray(value: JsonValue | undefined, who: string): JsonValue[] {
  if (Array.isArray(value)) return value;
  throw new CheckpointError(`model.json: ${who} must be an array.`);
}
