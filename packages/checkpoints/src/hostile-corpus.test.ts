// Files that were made to hurt: each kind of attack against each container that it can be made of. Every one must end in a named error
// (or, where nothing in it is wrong, a right reading) within two seconds and 512 MB, with nothing executed and nothing written.
// hostile.test.ts damages files at random; here every file is meant.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CheckpointError, hostTensor } from "@roentgen/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listContents } from "./containers/container.ts";
import { openContainer } from "./containers/open.ts";
import { writeBundle } from "./containers/tf-bundle.fixture.ts";
import { byolVector, legacyVector, tarVector, zipVector } from "./containers/vectors.fixture.ts";
import { type ZipMemberSource, writeZip } from "./containers/zip.fixture.ts";
import { convertFile } from "./convert-file.ts";
import { convertContainer } from "./methods/convert.ts";
import { memorySource, type RandomAccess } from "./random-access.ts";
import { formatSafetensors } from "./safetensors-write.ts";
import { type Member, writeTar } from "./tar.fixture.ts";

const longestMs = 2000;
const mostBytes = 512 * 2 ** 20;

/** Resident at most since `began`, over what was resident then. Linux lets a process forget its peak; elsewhere it is that of all tests so far. */
function memoryMeter(): () => number {
  const began = process.memoryUsage.rss();
  const forgets = existsSync("/proc/self/clear_refs");
  if (forgets) writeFileSync("/proc/self/clear_refs", "5");
  return () => (forgets ? 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) : 1024 * process.resourceUsage().maxRSS) - began;
}

type File = Uint8Array | RandomAccess;

/** All that is ever done with a file: opened, listed, its small tensors read, converted. Returns the refusal's message, empty if there is none. */
async function use(file: File, beside?: Uint8Array): Promise<string> {
  const source = file instanceof Uint8Array ? memorySource(file, "file.pth") : file;
  const grown = memoryMeter();
  const began = process.cpuUsage();
  let message = "";
  try {
    const container = await openContainer(source, { findBeside: async (name) => (beside ? memorySource(beside, name) : undefined) });
    for (const { tensor } of listContents(container.root)) if (tensor && tensor.bytes <= 1e6) await tensor.read();
    for (const tensor of (await convertContainer(container, { fileName: "file.pth" })).tensors.values()) await tensor.read();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    message = (error as Error).message;
    expect(message).not.toMatch(/^internal/);
  }
  // Of this process alone: neighbours on the machine do not count.
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1e3).toBeLessThan(longestMs);
  expect(grown()).toBeLessThan(mostBytes);
  return message;
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const join2 = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);

/** A file of a gigabyte or more that is nowhere: `head`, then one byte again and again. */
const endless = (head: string, fill: string, size: number): RandomAccess => ({
  name: "file.pth", size,
  read: async (offset, length) => {
    const bytes = new Uint8Array(length).fill(fill.charCodeAt(0));
    if (offset < head.length) bytes.set(latin1(head).subarray(offset, offset + length));
    return bytes;
  },
});

const pickled = (text: string): string => `X${String.fromCharCode(text.length, 0, 0, 0)}${text}`;
const number = (value: number): string => `J${String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255)}`;
const float = (value: number): string => `G${String.fromCharCode(...new Uint8Array(new Float64Array([value]).buffer).reverse())}`;
/** A state dict of one tensor on one storage, as PyTorch pickles it. The parts are pickle code. */
const stateDict = ({ elements = number(4), offset = number(0), shape = number(4), strides = number(1), name = "w" } = {}): string =>
  `\x80\x02}(${pickled(name)}ctorch._utils\n_rebuild_tensor_v2\n((${pickled("storage")}ctorch\nFloatStorage\n${pickled("0")}${pickled("cpu")}${elements}tQ${offset}(${shape}t(${strides}t\x89}tRu.`;
const torchZip = (pickle: string, data: Uint8Array = new Uint8Array(16), more: readonly ZipMemberSource[] = []): Uint8Array =>
  writeZip([{ name: "archive/data.pkl", data: latin1(pickle) }, { name: "archive/version", data: latin1("3\n") }, { name: "archive/data/0", data }, ...more]);
const legacyHead = `\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}${pickled("little_endian")}\x88s.`;
const torchLegacy = (pickle: string, data = new Uint8Array(16), count = 4n): Uint8Array => {
  const storage = pickle.replaceAll("tQ", "NtQ");
  return join2(latin1(`${legacyHead}${storage}\x80\x02](${pickled("0")}e.`), u64(count), data);
};
const torchTar = (pickle: string): Uint8Array => {
  const members = ["sys_info", "pickle", "tensors", "storages"].map((path): Member => ({ path, data: latin1(path === "pickle" ? pickle : "\x80\x02K\x00.") }));
  return writeTar(members.map((member) => (member.path === "storages" ? { ...member, data: latin1("\x80\x02K\x00.\x80\x02].") } : member)));
};
const safetensors = (header: string, data = new Uint8Array(16)): Uint8Array => join2(u64(BigInt(header.length)), latin1(header), data);
const tensorEntry = (shape: string, begin: number, end: number): string => `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;
const npy = (shape: string, data: Uint8Array = new Uint8Array(16)): Uint8Array => {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }\n`;
  return join2(latin1("\x93NUMPY\x01\x00"), Uint8Array.of(header.length & 255, header.length >> 8), latin1(header), data);
};
const modelJson = (weights: string, paths = '["w.bin"]'): Uint8Array => latin1(`{"format":"layers-model","weightsManifest":[{"paths":${paths},"weights":[${weights}]}]}`);
const weight = (name: string, shape: string): string => `{"name":"${name}","shape":${shape},"dtype":"float32"}`;

const small = hostTensor("f32", [4], Float32Array.of(1, 2, 3, 4));
const bundle = writeBundle(new Map([["w", small]]));
const entry = (change: (value: number[]) => number[]): Uint8Array => writeBundle(new Map([["w", small]]), { change: (name, value) => (name === "w" ? change(value) : value) }).index;
const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
const field = (tag: number, value: number): number[] => [tag, ...varint(value)];
const zeros = (mebibytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(mebibytes * 2 ** 20);
const gzip = (bytes: Uint8Array): Uint8Array => new Uint8Array(gzipSync(bytes, { level: 1 }));
const system = "cos\nsystem\n";
const runs = `${system}${pickled("touch pwned")}\x85R`;

/** Of a gigabyte: not written to disk. */
const deepest = "a pickle 10^9 deep";

type Case = [attack: string, container: string, file: () => File, message: RegExp, beside?: Uint8Array];
const cases: Case[] = [
  // What was cut off, at every kind's weakest places.
  ["truncation", "PyTorch zip", () => zipVector.subarray(0, zipVector.length - 30), /no end record|cut off/],
  ["truncation", "PyTorch legacy", () => legacyVector.subarray(0, legacyVector.length - 4), /cut off|wanted|damaged/],
  ["truncation", "PyTorch tar", () => tarVector.subarray(0, 4096), /cut off|beyond/],
  ["truncation", "pickle", () => byolVector.subarray(0, byolVector.length - 40), /ends before|left|damaged/],
  ["truncation", "TensorFlow bundle", () => bundle.index, /wanted, 8 are there/, bundle.data.subarray(0, 8)],
  ["truncation", "TensorFlow index", () => bundle.index.subarray(10), /checksum|damaged|wanted/],
  ["truncation", "npy", () => npy("(4,)").subarray(0, -3), /bytes, 13 are there/],
  ["truncation", "npz", () => writeZip([{ name: "w.npy", data: npy("(4,)").subarray(0, -3) }]), /13 are there/],
  ["truncation", "safetensors", () => formatSafetensors(new Map([["w", small]])).subarray(0, -2), /bytes/],
  ["truncation", "gzip", () => gzip(legacyVector).subarray(0, 200), /unpack|cut off|compress/],
  ["truncation", "tfjs", () => modelJson(weight("w", "[4]")), /its tensors take 16 bytes/, new Uint8Array(12)],

  // Lengths that are lies.
  ["lying length", "PyTorch zip", () => torchZip(stateDict({ elements: number(2 ** 31 - 1), shape: number(2 ** 31 - 1) })), /has 16 bytes, its 2147483647 elements/],
  ["lying length", "PyTorch zip's member", () => torchZip(stateDict(), new Uint8Array(16), [{ name: "x", data: new Uint8Array(8), bytes: 2 ** 31, packedBytes: 2 ** 31 }]), /reaches into the directory/],
  ["lying length", "PyTorch legacy", () => torchLegacy(stateDict({ elements: number(2 ** 31 - 1), shape: number(4) }), new Uint8Array(16), 2n ** 31n - 1n), /wanted|beyond|cut off|left/],
  ["lying length", "PyTorch legacy's count", () => torchLegacy(stateDict(), new Uint8Array(16), 2n ** 62n), /length of|elements/],
  ["lying length", "PyTorch tar", () => torchTar("\x80\x02X\xff\xff\xff\x7fab."), /a string of 2147483647 bytes/],
  ["lying length", "pickle", () => latin1("\x80\x02X\xff\xff\xff\x7fab."), /a string of 2147483647 bytes/],
  ["lying length", "pickle's BINUNICODE8", () => latin1("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f."), /a length of/],
  ["lying length", "TensorFlow bundle", () => entry((v) => [...v, ...field(0x28, 2 ** 40)]), /shape \[4\] and 1099511627776 bytes/, bundle.data],
  ["lying length", "TensorFlow bundle's shape", () => entry((v) => [...v, 0x12, 14, 0x12, 12, 8, ...varint(2 ** 50), ...Array<number>(3).fill(0), 0]), /damaged|shape/, bundle.data],
  ["lying length", "npy", () => npy("(1000000000000,)"), /takes 4000000000000 bytes/],
  ["lying length", "safetensors", () => safetensors(`{"w":${tensorEntry("[1000000000000]", 0, 4_000_000_000_000)}}`), /bytes/],
  ["lying length", "safetensors' header", () => join2(u64(2n ** 63n), latin1("{}")), /begins|cut off|known/],
  ["lying length", "tfjs", () => modelJson(weight("w", "[1000000000000]")), /its tensors take/, new Uint8Array(16)],

  // Storages and ranges that overlap.
  ["overlap", "PyTorch zip", () => torchZip(stateDict({ offset: number(1) })), /reaches beyond its storage of 4 elements/],
  ["overlap", "PyTorch zip of zero strides", () => torchZip(stateDict({ shape: number(2 ** 30), strides: number(0) })), /a view that spans 1 elements|no ResNet/],
  ["overlap", "safetensors", () => safetensors(`{"a":${tensorEntry("[4]", 0, 16)},"b":${tensorEntry("[4]", 0, 16)}}`), /overlap|begin|offset|tile|gap/i],
  ["overlap", "zip members", () => writeZip([{ name: "a.npy", data: npy("(4,)") }, { name: "b.npy", data: npy("(4,)"), offset: 0 }]), /no ResNet/],
  ["overlap", "TensorFlow blocks", () => writeBundle(new Map([["w", small], ["x", small]]), { change: (name, value) => (name === "x" ? [...value, ...field(0x20, 0)] : value) }).index, /no ResNet/, join2(bundle.data, bundle.data)],

  // Bombs.
  ["bomb", "zip", () => writeZip([{ name: "w.npy", data: zeros(200), deflate: true }]), /Weights do not compress like that/],
  ["bomb", "zip that lies about its size", () => writeZip([{ name: "w.npy", data: zeros(200), deflate: true, bytes: 1000 }]), /more than the 1000 bytes it claims/],
  ["bomb", "zip, of many members", () => writeZip(Array.from({ length: 6 }, (_, i) => ({ name: `${i}.npy`, data: npy("(13107200,)", zeros(50)), deflate: true }))), /Weights do not compress like that/],
  ["bomb", "PyTorch zip", () => writeZip([{ name: "a/data.pkl", data: latin1(stateDict({ elements: number(50 * 2 ** 20) })) }, { name: "a/data/0", data: zeros(200), deflate: true }]), /Weights do not compress like that/],
  ["bomb", "PyTorch zip of one storage that is unpacked for each of its tensors", () => {
    const one = stateDict({ elements: number(25 * 2 ** 20) }).slice(4, -2);
    const pickle = `\x80\x02}(${Array.from({ length: 50 }, (_, i) => one.replace(pickled("w"), pickled(`w${i}`))).join("")}u.`;
    return writeZip([{ name: "a/data.pkl", data: latin1(pickle) }, { name: "a/data/0", data: zeros(100), deflate: true }]);
  }, /Weights do not compress like that/],
  ["bomb", "zips of 100 MiB each in each other", () => {
    const inner = writeZip([{ name: "w", data: zeros(100), deflate: true }]);
    return [1, 2].reduce((zip) => writeZip([{ name: "w", data: writeZip([{ name: "readme", data: zeros(100) }, { name: "w", data: zip }]), deflate: true }]), inner);
  }, /Weights do not compress like that/],
  ["bomb", "PyTorch zip's pickle", () => writeZip([{ name: "a/data.pkl", data: zeros(200), deflate: true }]), /Weights do not compress like that/],
  ["bomb", "gzip", () => gzip(zeros(200)), /packed bytes hold/],
  ["bomb", "gzip in gzip", () => gzip(gzip(zeros(200))), /packed bytes hold/],
  ["bomb", "zip in zip in zip", () => writeZip([{ name: "b", deflate: true, data: writeZip([{ name: "a", data: zeros(120) }]) }, { name: "license", data: zeros(1) }]), /is no kind of weight file|unpack/],
  ["bomb", "tar in gzip", () => gzip(writeTar([{ path: "w", size: (10 * 2 ** 30).toString(8).padStart(11, "0") }])), /packed bytes hold/],
  ["bomb", "Snappy block", () => writeBundle(new Map([["w", small]]), { snappy: true }).index.map((byte, i) => (i < 4 ? 255 : byte)), /checksum/, bundle.data],

  // Depth.
  [deepest, "pickle of lists", () => endless("\x80\x02", "]", 1e9), /more than 500000 objects/],
  [deepest, "pickle of marks", () => endless("\x80\x02", "(", 1e9), /more than 1000000 marks/],
  [deepest, "PyTorch legacy", () => endless(`${legacyHead}\x80\x02`, "]", 1e9), /more than 500000 objects/],
  [deepest, "PyTorch zip", () => torchZip(`\x80\x02${"]".repeat(2_000_000)}`), /more than 500000 objects/],
  [deepest, "pickle of tuples", () => latin1(`\x80\x02)${"\x85".repeat(400_000)}.`), /no dict of tensors/],
  ["depth", "tfjs", () => latin1(`{"weightsManifest":${"[".repeat(1_000_000)}`), /at most 64 levels/],
  ["depth", "safetensors", () => safetensors(`{"a":${"[".repeat(1_000_000)}`), /nesting|at most|expected/],

  // What wants to be run.
  ["GLOBAL os.system", "pickle", () => latin1(`\x80\x02${runs}.`), /no dict of tensors/],
  ["GLOBAL os.system", "pickle beside a tensor", () => torchZip(stateDict().replace("(Xw", `(${pickled("y")}${runs}Xw`)), /no ResNet/],
  ["GLOBAL os.system", "PyTorch zip", () => torchZip(`\x80\x02}${pickled("w")}${runs}s.`), /no dict of tensors/],
  ["GLOBAL os.system", "PyTorch legacy", () => torchLegacy(`\x80\x02}${pickled("w")}${runs}s.`), /storage "0" is listed but not used/],
  ["GLOBAL os.system", "PyTorch tar", () => torchTar(`\x80\x02}${pickled("w")}${runs}s.`), /no dict of tensors/],
  ["GLOBAL os.system", "STACK_GLOBAL", () => latin1(`\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x05pwned\x85R.`), /no dict of tensors/],
  ["GLOBAL os.system", "BUILD", () => latin1(`\x80\x02${system})\x81}${pickled("__setstate__")}${system}sb.`), /no dict of tensors/],
  ["a class as storage", "PyTorch zip", () => torchZip(stateDict().replace("ctorch\nFloatStorage\n", system)), /unknown class/],

  // Keys that JavaScript objects mind.
  ["__proto__", "pickle", () => latin1(`\x80\x02}${pickled("__proto__")}}${pickled("polluted")}K\x01ss.`), /no dict of tensors/],
  ["__proto__", "PyTorch zip", () => torchZip(stateDict({ name: "__proto__" })), /no ResNet in outermost: 1 tensors, "__proto__"/],
  ["__proto__", "zip", () => writeZip([{ name: "__proto__.npy", data: npy("(4,)") }, { name: "constructor.npy", data: npy("(4,)") }]), /2 tensors, "__proto__", "constructor"/],
  ["__proto__", "safetensors", () => safetensors(`{"__proto__":${tensorEntry("[4]", 0, 16)}}`), /1 tensors, "__proto__"/],
  ["__proto__", "tfjs", () => modelJson(weight("__proto__", "[4]")), /1 tensors, "__proto__"/, new Uint8Array(16)],
  ["__proto__", "TensorFlow bundle", () => writeBundle(new Map([["__proto__", small]])).index, /1 tensors, "__proto__"/, bundle.data],

  // Numbers that are none.
  ["negative strides", "PyTorch zip", () => torchZip(stateDict({ strides: number(-1), offset: number(3) })), /whole and not negative/],
  ["negative strides", "PyTorch legacy", () => torchLegacy(stateDict({ strides: number(-1), offset: number(3) })), /whole and not negative/],
  ["negative offset", "PyTorch zip", () => torchZip(stateDict({ offset: number(-1) })), /whole and not negative/],
  ["negative shape", "PyTorch zip", () => torchZip(stateDict({ shape: number(-4) })), /whole and not negative/],
  ["negative shape", "npy", () => npy("(-4,)"), /descr, fortran_order, shape/],
  ["negative shape", "safetensors", () => safetensors(`{"w":${tensorEntry("[-4]", 0, 16)}}`), /./],
  ["negative shape", "tfjs", () => modelJson(weight("w", "[-4]")), /axis -4/, new Uint8Array(16)],
  ["NaN shape", "PyTorch zip", () => torchZip(stateDict({ shape: float(Number.NaN) })), /whole and not negative/],
  ["NaN shape", "PyTorch zip's stride", () => torchZip(stateDict({ strides: float(Number.NaN) })), /whole and not negative/],
  ["NaN shape", "PyTorch zip's storage", () => torchZip(stateDict({ elements: float(Number.NaN) })), /storage "0" has NaN elements/],
  ["NaN shape", "PyTorch legacy", () => torchLegacy(stateDict({ shape: float(Infinity) })), /whole and not negative/],
  ["NaN shape", "npy", () => npy("(nan,)"), /descr, fortran_order, shape/],
  ["NaN shape", "safetensors", () => safetensors(`{"w":${tensorEntry("[NaN]", 0, 16)}}`), /expected/],
  ["NaN shape", "tfjs", () => modelJson(weight("w", "[1e999]")), /axis Infinity/, new Uint8Array(16)],
  ["fractional shape", "PyTorch zip", () => torchZip(stateDict({ shape: float(1.5) })), /whole and not negative/],

  // Names that climb, and names that come twice.
  ["path traversal", "tfjs", () => modelJson(weight("w", "[4]"), '["../../etc/passwd"]'), /names the shard "..\/..\/etc\/passwd"/],
  ["path traversal", "zip", () => writeZip([{ name: "../../etc/passwd", data: utf8("root") }]), /archive without a weight file/],
  ["path traversal", "tar", () => writeTar([{ path: "../../etc/passwd", data: utf8("root") }]), /archive without a weight file/],
  ["path traversal", "PyTorch zip's key", () => torchZip(stateDict().replace(pickled("0"), pickled("../version"))), /is not in the archive/],
  ["duplicate names", "zip", () => writeZip([{ name: "a", data: utf8("x") }, { name: "a", data: utf8("y") }]), /in the archive twice/],
  ["duplicate names", "PyTorch zip", () => torchZip(stateDict(), new Uint8Array(16), [{ name: "archive/data/0", data: new Uint8Array(16) }]), /in the archive twice/],
  ["duplicate names", "tar", () => writeTar([{ path: "a", data: utf8("x") }, { path: "a", data: utf8("y") }]), /in the archive twice/],
  ["duplicate names", "safetensors", () => safetensors(`{"w":${tensorEntry("[2]", 0, 8)},"w":${tensorEntry("[2]", 8, 16)}}`), /twice|again|repeat/],
  ["duplicate names", "tfjs", () => modelJson(`${weight("w", "[2]")},${weight("w", "[2]")}`), /declared twice/, new Uint8Array(16)],
  ["duplicate names", "npy's header", () => npy("(4,), 'shape': (2,)"), /"shape" twice/],
];

describe("a file that was made to hurt", () => {
  it.each(cases)("by %s, as %s", async (_, __, file, message, beside) => {
    expect(await use(file(), beside)).toMatch(message);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(existsSync("pwned")).toBe(false);
  });
});

describe("a conversion of one", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "roentgen-hostile-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each(cases.filter(([attack]) => attack !== deepest))("by %s, as %s leaves no file", async (_, __, file) => {
    const path = join(folder, "file.pth");
    const bytes = file();
    writeFileSync(path, bytes as Uint8Array);
    await expect(convertFile(path, join(folder, "out.safetensors"))).rejects.toThrow(CheckpointError);
    expect(readdirSync(folder)).toEqual(["file.pth"]);
  });
});
