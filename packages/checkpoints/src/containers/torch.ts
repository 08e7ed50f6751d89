// PyTorch's three formats. In each a pickle holds the objects, and storages lie outside it: as members of a zip (since 1.6), one
// after another behind the pickles ("legacy", 0.1.10 to 1.5), or in files of a tar with pickled records (2016).
//
// Definition: PyTorch, torch/serialization.py (`_load`, `_legacy_load`, `legacy_load`).
import { CheckpointError } from "@roentgen/core";
import { quote } from "../json.ts";
import { ByteCursor, memorySource, type RandomAccess, windowOf } from "../random-access.ts";
import { ElementType, Global, Inert, Storage, tensorOf, Tuple, type Value } from "../pickle/values.ts";
import { unpickle } from "../pickle/unpickle.ts";
import type { UnpackAllowance } from "./pages.ts";
import { openZipMember, readZipMember, type ZipMember } from "./zip.ts";

const mostPickleBytes = 256 * 2 ** 20;

const damaged = (source: RandomAccess, what: string): CheckpointError => new CheckpointError(`${source.name}: ${what} The file is damaged.`);

/** ("storage", type, key, location, elements[, view]) as a Storage. Anything else that has an id (a module's source) is inert. */
function storageOf(id: Value, source: RandomAccess, known: Map<string, Storage>, { bigEndian = false } = {}): Value {
  const items = id instanceof Tuple ? id.items : [];
  const [what, type, key, , elements, view] = items;
  if (what === "module") return items[1] instanceof Global ? items[1] : new Inert("module", items);
  if (what !== "storage" || typeof key !== "string" || typeof elements !== "number") throw damaged(source, "a persistent id that is no storage.");
  if (!(type instanceof ElementType)) throw new CheckpointError(`${source.name}: storage ${quote(key)} is of an unknown class. Save the tensors as ordinary CPU tensors first.`);
  if (!Number.isSafeInteger(elements) || elements < 0) throw damaged(source, `storage ${quote(key)} has ${elements} elements.`);
  let root = known.get(key);
  if (!root) {
    root = new Storage(bigEndian ? new ElementType(type.name, type.dtype, type.bytes, true) : type, elements, key);
    known.set(key, root);
  }
  if (root.type.bytes !== type.bytes || root.elements !== elements) throw damaged(source, `storage ${quote(key)} has two sizes, ${root.elements} and ${elements} elements.`);
  if (!(view instanceof Tuple)) return root;
  const [, offset, size] = view.items;
  if (typeof offset !== "number" || typeof size !== "number" || offset < 0 || size < 0 || offset + size > elements) throw damaged(source, `a view of storage ${quote(key)} reaches beyond it.`);
  const window = new Storage(root.type, size, key, offset);
  window.data = () => root.data?.() ?? Promise.reject(damaged(source, `storage ${quote(key)} is missing.`));
  return window;
}

/** The object in a PyTorch zip. `pickleName` is the member `<root>/data.pkl`. */
export async function readTorchZip(source: RandomAccess, members: ReadonlyMap<string, ZipMember>, pickleName: string, allowance: UnpackAllowance): Promise<Value> {
  const root = pickleName.slice(0, -"data.pkl".length);
  if (members.has(`${root}constants.pkl`) || [...members.keys()].some((name) => name.startsWith(`${root}code/`))) {
    throw new CheckpointError(`${source.name}: this is a TorchScript program, not a state dict. Load it in PyTorch and save model.state_dict().`);
  }
  const text = async (name: string) => (members.has(root + name) ? new TextDecoder().decode(await readZipMember(source, members, root + name, 64, allowance)).trim() : undefined);
  const order = await text("byteorder");
  if (order !== undefined && order !== "little" && order !== "big") throw damaged(source, `byte order ${quote(order)}.`);
  const pickle = await readZipMember(source, members, pickleName, mostPickleBytes, allowance);
  const storages = new Map<string, Storage>();
  const persistent = (id: Value): Value => {
    const value = storageOf(id, source, storages, { bigEndian: order === "big" });
    if (!(value instanceof Storage) || value.data) return value;
    const member = members.get(`${root}data/${value.key}`);
    if (!member) throw damaged(source, `storage ${quote(value.key)} is not in the archive.`);
    const bytes = value.elements * value.type.bytes;
    if (member.bytes !== bytes) throw damaged(source, `storage ${quote(value.key)} has ${member.bytes} bytes, its ${value.elements} elements of ${value.type.name} take ${bytes}.`);
    let opened: Promise<RandomAccess> | null = null;
    value.data = () => {
      // Not kept, for then the whole archive would be; tensors that share a storage unpack it again, which the allowance bounds.
      if (member.deflated) return openZipMember(source, member, allowance);
      return (opened ??= openZipMember(source, member));
    };
    return value;
  };
  return unpickle(new ByteCursor(memorySource(pickle, source.name)), { name: source.name, persistent });
}

/** The first pickle of a legacy stream: the number 0x1950a86a20f9469cfc6c. */
export const legacyMagic = Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e);

/** The object in a legacy stream: four pickles, the storages' keys, and their data in that order. */
export async function readTorchLegacy(source: RandomAccess): Promise<Value> {
  const cursor = new ByteCursor(source, legacyMagic.length);
  const { name } = source;
  const version = await unpickle(cursor, { name });
  if (version !== 1001) throw new CheckpointError(`${name}: legacy protocol ${quote(String(version))}, only 1001 is known.`);
  const facts = await unpickle(cursor, { name });
  if (facts instanceof Map && facts.get("little_endian") === false) throw new CheckpointError(`${name}: written on a big-endian machine, which is not supported. Save it again on another.`);
  const storages = new Map<string, Storage>();
  const value = await unpickle(cursor, { name, persistent: (id) => storageOf(id, source, storages) });
  const keys = await unpickle(cursor, { name });
  if (!Array.isArray(keys)) throw damaged(source, "the storages are not listed.");
  await placeStorages(cursor, keys, storages);
  for (const storage of storages.values()) if (!storage.data) throw damaged(source, `storage ${quote(storage.key)} is not in the file.`);
  if (cursor.remaining > 0) throw damaged(source, `${cursor.remaining} bytes are left at the end.`);
  return value;
}

/** Each storage: i64 element count, then its elements. */
async function placeStorages(cursor: ByteCursor, keys: readonly Value[], storages: ReadonlyMap<string, Storage>): Promise<void> {
  for (const key of keys) {
    const storage = storages.get(String(key));
    if (!storage || storage.data) throw damaged(cursor.source, `storage ${quote(String(key))} is listed but not used, or twice.`);
    const data = await takeElements(cursor, storage.type, storage.elements, storage.key);
    storage.data = () => data;
  }
}

async function takeElements(cursor: ByteCursor, type: ElementType, expected: number | null, key: string): Promise<RandomAccess> {
  if (cursor.low(8)) await cursor.refill();
  const elements = cursor.u64();
  if (expected !== null && elements !== expected) throw damaged(cursor.source, `storage ${quote(key)} has ${elements} elements, ${expected} are expected.`);
  return cursor.skip(elements * type.bytes);
}

/** The object in a tar of 2016: members `storages`, `tensors` and `pickle`. */
export async function readTorchTar(source: RandomAccess, members: ReadonlyMap<string, RandomAccess>): Promise<Value> {
  const member = (name: string): RandomAccess => members.get(name) ?? windowOf(source, 0, 0);
  const storages = await readTarStorages(member("storages"));
  const tensors = await readTarTensors(member("tensors"), storages);
  const persistent = (id: Value): Value => {
    if (id instanceof Tuple) return id.items[0] ?? null;
    const found = tensors.get(String(id)) ?? storages.get(String(id));
    if (!found) throw damaged(source, `${quote(String(id).slice(0, 40))} is neither a tensor nor a storage of the file.`);
    return found;
  };
  const pickle = member("pickle");
  return unpickle(new ByteCursor(pickle), { name: pickle.name, persistent });
}

const mostRecords = 200_000;

async function readCount(cursor: ByteCursor): Promise<number> {
  const count = await unpickle(cursor, { name: cursor.source.name });
  if (typeof count !== "number" || count < 0 || count > mostRecords) throw damaged(cursor.source, "its count is no number.");
  return count;
}

/** A record's key is a number; texts of it are compared. */
async function readRecord(cursor: ByteCursor): Promise<{ keys: readonly Value[]; type: ElementType }> {
  const record = await unpickle(cursor, { name: cursor.source.name });
  const keys = record instanceof Tuple ? record.items : [];
  if (keys.length !== 3 || !(keys[2] instanceof ElementType)) throw damaged(cursor.source, "a record is not (key, place, type).");
  return { keys, type: keys[2] };
}

async function readTarStorages(source: RandomAccess): Promise<Map<string, Storage>> {
  const cursor = new ByteCursor(source);
  const storages = new Map<string, Storage>();
  for (let left = await readCount(cursor); left > 0; left--) {
    const { keys, type } = await readRecord(cursor);
    const key = String(keys[0]);
    if (storages.has(key)) throw damaged(source, `storage ${quote(key)} is there twice.`);
    const data = await takeElements(cursor, type, null, key);
    const storage = new Storage(type, data.size / type.bytes, key);
    storage.data = () => data;
    storages.set(key, storage);
  }
  const views = await unpickle(cursor, { name: source.name });
  for (const view of Array.isArray(views) ? views : []) {
    const [key, rootKey, offset, size] = view instanceof Tuple ? view.items : [];
    const root = storages.get(String(rootKey));
    if (!root || typeof offset !== "number" || typeof size !== "number" || offset < 0 || size < 0 || offset + size > root.elements) throw damaged(source, `view ${quote(String(key))} reaches beyond its storage.`);
    const window = new Storage(root.type, size, String(key), root.offset + offset);
    window.data = root.data;
    storages.set(String(key), window);
  }
  return storages;
}

const mostAxes = 64;

/** Per tensor: record, i64 axes (its upper half means nothing), sizes, strides, offset. */
async function readTarTensors(source: RandomAccess, storages: ReadonlyMap<string, Storage>): Promise<Map<string, Value>> {
  const cursor = new ByteCursor(source);
  const tensors = new Map<string, Value>();
  for (let left = await readCount(cursor); left > 0; left--) {
    const { keys } = await readRecord(cursor);
    if (cursor.low(8 * (2 * mostAxes + 2))) await cursor.refill();
    const axes = cursor.u32();
    cursor.u32();
    if (axes > mostAxes) throw damaged(source, `a tensor with ${axes} axes.`);
    const shape = Array.from({ length: axes }, () => cursor.u64());
    const strides = Array.from({ length: axes }, () => cursor.u64());
    const offset = cursor.u64();
    const storage = storages.get(String(keys[1]));
    if (!storage) throw damaged(source, `a tensor on storage ${quote(String(keys[1]))}, which is not there.`);
    const { type, elements, offset: first, data } = storage;
    const who = source.name;
    tensors.set(String(keys[0]), tensorOf(who, type, { shape, strides, offset: offset + first, elements: elements + first, data: () => data!() }));
  }
  return tensors;
}

