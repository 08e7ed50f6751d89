// Which container a file is, by its content. A name's ending says nothing: `.pth.tar` files are not tar archives, and
// torchvision's first `.pth` is one.
import { CheckpointError } from "@roentgen/core";
import { parseJson, quote } from "../json.ts";
import { LazyTensor, stridedTensor } from "../lazy-tensor.ts";
import type { Dict, Value } from "../pickle/values.ts";
import { unpickle } from "../pickle/unpickle.ts";
import { ByteCursor, type RandomAccess } from "../random-access.ts";
import { maxHeaderBytes, readSafetensorsHeader } from "../safetensors.ts";
import { readTfjsWeights } from "../tfjs-weights.ts";
import type { Container } from "./container.ts";
import { gunzipping } from "./inflate.ts";
import { npyMagic, readNpy, readNpz } from "./npy.ts";
import { mostRatio, Pages, PieceReader, UnpackAllowance } from "./pages.ts";
import { isTar, listTar, takeFromTar } from "./tar-members.ts";
import { type FindBeside, readTfBundle, tableMagic } from "./tf-bundle.ts";
import { legacyMagic, readTorchLegacy, readTorchTar, readTorchZip } from "./torch.ts";
import { openZipMember, readZipDirectory, type ZipMember } from "./zip.ts";

export interface OpenOptions {
  /** For formats of several files: another file of the same folder. */
  readonly findBeside?: FindBeside;
  /** Of an archive of several files: the one that is meant, by its path or the end of it. */
  readonly member?: string | undefined;
}

/** On the way from a file through the archives that it is. */
interface Way {
  readonly findBeside: FindBeside;
  readonly member: string | undefined;
  /** Outermost first. */
  readonly packedIn: readonly string[];
  readonly allowance: UnpackAllowance;
}

/** An archive in an archive in an archive is no checkpoint. */
const mostWrappings = 3;
const mostModelJsonBytes = 64 * 2 ** 20;

/**
 * Opens a weight file of any kind this package reads; no tensor is read.
 *
 * @param source  the file. Of a TensorFlow checkpoint its `.index`, of a tfjs model its `model.json`; `findBeside` gives the rest
 * @throws CheckpointError that names what the file is, where it is none of them or damaged
 */
export async function openContainer(source: RandomAccess, { findBeside = nothingBeside, member }: OpenOptions = {}): Promise<Container> {
  return open(source, { findBeside, member, packedIn: [], allowance: new UnpackAllowance() });
}

const nothingBeside: FindBeside = async () => undefined;

async function open(source: RandomAccess, way: Way): Promise<Container> {
  const { findBeside, packedIn } = way;
  if (packedIn.length > mostWrappings) throw new CheckpointError(`${source.name}: packed in ${packedIn.join(" in ")}. Unpack it first.`);
  if (source.size === 0) throw new CheckpointError(`${source.name}: the file is empty. The download failed.`);
  const head = await source.read(0, Math.min(source.size, 512));
  const tail = await source.read(source.size - Math.min(source.size, 8), Math.min(source.size, 8));
  const made = (kind: Container["kind"], root: Value, metadata: ReadonlyMap<string, string> = new Map()): Container => ({ kind, packedIn, root, metadata });

  if (begins(head, [0x50, 0x4b, 3, 4])) return openZip(source, way, made);
  if (begins(head, [0x1f, 0x8b])) return openGzip(source, way, made);
  if (isTar(head)) return openTar(source, await listTar(source), way, made);
  if (way.member !== undefined) throw new CheckpointError(`${source.name}: is no archive, so that it has no member ${quote(way.member)}.`);
  if (begins(head, legacyMagic)) return made("torch-legacy", await readTorchLegacy(source));
  if (begins(tail, tableMagic)) return made("tf-bundle", await readTfBundle(source, baseName(source.name).replace(/\.index$/, ""), findBeside));
  if (head[8] === 0x7b && BigInt(source.size) >= headerEnd(head)) return openSafetensors(source, head, made);
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return made("pickle", await readPickle(source));
  if (begins(head, npyMagic)) return made("npy", new Map<Value, Value>([["array", await readNpy(source)]]));
  // Protocols 0 and 1 have no mark of their own: a container first, STOP last.
  if (/^[(c}\]]/.test(ascii(head.subarray(0, 1))) && tail.at(-1) === 0x2e) return made("pickle", await readPickle(source));
  const text = ascii(head);
  if (/^\s*\{/.test(text)) return made("tfjs", await readTfjs(source, findBeside));
  throw new CheckpointError(`${source.name}: ${strangerIs(head, text)}`);
}

const begins = (bytes: Uint8Array, magic: ArrayLike<number>): boolean => Array.from(magic).every((byte, i) => bytes[i] === byte);
const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const headerEnd = (head: Uint8Array): bigint => new DataView(head.buffer, head.byteOffset, head.byteLength).getBigUint64(0, true) + 8n;
const baseName = (name: string): string => name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);

function strangerIs(head: Uint8Array, text: string): string {
  if (/^\s*</.test(text)) return "this is a web page, not a weight file. The link led to a login, a quota or a sharing page; download the file itself.";
  if (text.startsWith("version https://git-lfs")) return "this is a Git LFS pointer, not the data. Run git lfs pull.";
  if (begins(head, [0x89, 0x48, 0x44, 0x46])) return "HDF5 (Keras .h5) is not supported. Convert the model with tensorflowjs_converter or save its arrays as .npz.";
  if (head[8] === 0x7b && headerEnd(head) < 2n ** 40n) return `this begins like a safetensors file whose header has ${headerEnd(head) - 8n} bytes. It is cut off.`;
  return `this is no kind of weight file that is known here; it begins with ${quote(text.slice(0, 16))}.`;
}

/** A pickle alone in its file. What follows it would be read by nobody, so it is an error. */
async function readPickle(source: RandomAccess): Promise<Value> {
  const cursor = new ByteCursor(source);
  const value = await unpickle(cursor, { name: source.name });
  if (cursor.remaining > 0) throw new CheckpointError(`${source.name}: ${cursor.remaining} bytes follow the pickle. It is damaged or no checkpoint.`);
  return value;
}

type Made = (kind: Container["kind"], root: Value, metadata?: ReadonlyMap<string, string>) => Container;

async function openSafetensors(source: RandomAccess, head: Uint8Array, made: Made): Promise<Container> {
  const end = headerEnd(head);
  const bytes = await source.read(0, end > BigInt(maxHeaderBytes + 8) ? head.length : Number(end));
  const { tensors, metadata } = readSafetensorsHeader(bytes, { fileBytes: source.size, name: source.name });
  const root: Dict = new Map<Value, Value>();
  for (const [name, { dtype, shape, begin, end: stop }] of tensors) {
    const elements = shape.reduce((product, n) => product * n, 1);
    const data = { ...source, size: stop - begin, read: (offset: number, length: number, into?: Uint8Array) => source.read(begin + offset, length, into) };
    root.set(name, stridedTensor(`${source.name}: ${quote(name)}`, { dtype, shape, elements, data: () => data }));
  }
  return made("safetensors", root, metadata);
}

/** Whether a member's path is the one that is meant. */
const isMeant = (path: string, member: string): boolean => path === member || path.endsWith(`/${member}`);

/** Gzip around a file, or around a tar, of which only what is meant is kept: such archives may have gigabytes. */
async function openGzip(source: RandomAccess, way: Way, made: Made): Promise<Container> {
  const inside = { ...way, packedIn: [...way.packedIn, "gzip"] };
  const name = source.name.replace(/\.gz$/, "");
  let packedBytes = source.size;
  const take = (bytes: number): void => {
    way.allowance.take(bytes, packedBytes, name);
    packedBytes = Math.max(0, packedBytes - bytes / mostRatio);
  };
  const pieces = new PieceReader(gunzipping(source));
  if (isTar(await pieces.peek(512))) {
    const { member } = way;
    const members = await takeFromTar(pieces, name, take, member === undefined ? undefined : (path) => isMeant(path, member));
    return openTar({ ...source, name }, members, inside, (kind, root, metadata = new Map()) => ({ ...made(kind, root, metadata), packedIn: inside.packedIn }));
  }
  const pages = new Pages();
  for (let more = true; more; ) {
    const before = pages.size;
    more = await pieces.pass(gzipStepBytes, pages);
    take(pages.size - before);
  }
  return open(pages.source(name), inside);
}

const gzipStepBytes = 1 << 20;

async function openTar(source: RandomAccess, members: ReadonlyMap<string, RandomAccess>, way: Way, made: Made): Promise<Container> {
  if (way.member === undefined && ["pickle", "tensors", "storages"].every((name) => members.has(name))) return made("torch-tar", await readTorchTar(source, members));
  return openOnly(source, "tar", [...members].map(([name, member]) => ({ name, open: async () => member })), way);
}

async function openZip(source: RandomAccess, way: Way, made: Made): Promise<Container> {
  const { allowance, packedIn, member: meant } = way;
  const members = await readZipDirectory(source);
  const names = [...members.keys()];
  const pickles = names.filter((name) => name.endsWith("/data.pkl"));
  if (meant === undefined) {
    if (pickles.length > 1) throw new CheckpointError(`${source.name}: ${pickles.length} members end in /data.pkl, expected one. Unpack the one you want.`);
    if (pickles[0] !== undefined) return made("torch-zip", await readTorchZip(source, members, pickles[0], allowance));
    if (names.length > 0 && names.every((name) => name.endsWith(".npy"))) return made("npz", await readNpz(source, members, allowance));
  }
  const index = chooseIndex(source, members, meant);
  if (index !== undefined) {
    const folder = index.slice(0, index.lastIndexOf("/") + 1);
    const member = async (name: string) => {
      const found = members.get(folder + name);
      return found && openZipMember(source, found, allowance);
    };
    const opened = await openZipMember(source, members.get(index)!, allowance);
    return { ...made("tf-bundle", await readTfBundle(opened, baseName(index).replace(/\.index$/, ""), member)), packedIn: [...packedIn, "zip"] };
  }
  return openOnly(source, "zip", [...members.values()].map((member) => ({ name: member.name, open: () => openZipMember(source, member, allowance) })), way);
}

/** The index of a TensorFlow checkpoint in a zip. A TF-Hub module beside it (`hub/`) has one of its own, which is not meant. */
function chooseIndex(source: RandomAccess, members: ReadonlyMap<string, ZipMember>, meant: string | undefined): string | undefined {
  const names = [...members.keys()];
  const all = names.filter((name) => name.endsWith(".index") && names.some((other) => other.startsWith(`${name.slice(0, -".index".length)}.data-`)));
  const plain = all.filter((name) => !/(^|\/)(hub|variables)\//.test(name));
  const candidates = meant !== undefined ? all.filter((name) => isMeant(name, meant)) : plain.length > 0 ? plain : all;
  if (candidates.length > 1) throw new CheckpointError(`${source.name}: several checkpoints: ${candidates.slice(0, 5).map(quote).join(", ")}. Say which with --member.`);
  return candidates[0];
}

interface Member {
  readonly name: string;
  readonly open: () => Promise<RandomAccess>;
}

/** An archive around one file, or one of its files that is asked for: that file. */
async function openOnly(source: RandomAccess, kind: string, members: readonly Member[], way: Way): Promise<Container> {
  const { member: meant } = way;
  const isOther = (name: string): boolean => /(^|\/)(\.|__MACOSX\/)/.test(name) || /(readme|license|licence)[^/]*$/i.test(name);
  const files = members.filter(({ name }) => (meant === undefined ? !isOther(name) : isMeant(name, meant)));
  const some = (list: readonly Member[]) => list.slice(0, 8).map(({ name }) => quote(name)).join(", ") + (list.length > 8 ? ", ..." : "");
  const [only] = files;
  if (!only) throw new CheckpointError(`${source.name}: a ${kind} archive without ${meant === undefined ? "a weight file" : `a member ${quote(meant)}${members.length > 0 ? `; it has ${some(members)}` : ""}`}.`);
  if (files.length > 1) throw new CheckpointError(`${source.name}: a ${kind} archive of ${files.length} files: ${some(files)}. Say which with --member.`);
  const member = await only.open();
  const container = await open({ ...member, name: `${source.name}: ${only.name.slice(0, 120)}` }, { ...way, member: undefined, findBeside: nothingBeside, packedIn: [...way.packedIn, kind] });
  return { ...container, member: container.member ?? only.name };
}

/** A TensorFlow.js model: read whole, for its shards cut tensors where they like. */
async function readTfjs(source: RandomAccess, findBeside: FindBeside): Promise<Dict> {
  if (source.size > mostModelJsonBytes) throw new CheckpointError(`${source.name}: begins like JSON and has ${source.size} bytes; a model.json has at most ${mostModelJsonBytes}.`);
  const text = new TextDecoder().decode(await source.read(0, source.size));
  const model = parseJson(text, { name: source.name });
  if (!(model instanceof Map) || !model.has("weightsManifest")) throw new CheckpointError(`${source.name}: JSON without a weightsManifest: no model of TensorFlow.js.`);
  const tensors = await readTfjsWeights(text, async (path) => {
    const shard = await findBeside(path);
    if (!shard) throw new CheckpointError(`${source.name}: its shard ${quote(path)} is not beside it.`);
    return shard.read(0, shard.size);
  });
  return new Map([...tensors].map(([name, tensor]) => [name, new LazyTensor(tensor.dtype, tensor.shape, async () => tensor)]));
}
