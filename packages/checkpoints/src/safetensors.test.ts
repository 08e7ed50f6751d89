import { readFileSync } from "node:fs";
import { CheckpointError, type DType, elementBytes, hostTensor, type HostTensor, makeArray, sizeOf, type StateDict } from "@roentgen/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSafetensors, readSafetensorsHeader, safetensorsDtypes } from "./safetensors.ts";
import { formatSafetensors } from "./safetensors-write.ts";

const bytesOf = ({ data }: HostTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** A file with this header text (not padded) and these data. */
function file(header: string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const entry = (shape: string, offsets: string, dtype = "F32") => `{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${offsets}]}`;

/** The tensors of fixtures/write_reference.py. */
const referenceTensors: StateDict = new Map<string, HostTensor>([
  ["layer1.0.conv1.weight", hostTensor("f32", [2, 1, 1, 2], Float32Array.of(0.5, -1.25, 3, 1e-40))],
  ["bn.num_batches_tracked", hostTensor("i64", [], BigInt64Array.of(-7n))],
  ["double", hostTensor("f64", [2], Float64Array.of(0.1, Infinity))],
  ["half", hostTensor("f16", [3], Uint16Array.of(0x3c00, 0xc000, 0x7bff))],
  ["brain", hostTensor("bf16", [3], Uint16Array.of(0x3f80, 0xc000, 0x7fc0))],
  ["u64", hostTensor("u64", [1], BigUint64Array.of(2n ** 64n - 1n))],
  ["u32", hostTensor("u32", [1], Uint32Array.of(2 ** 32 - 1))],
  ["i32", hostTensor("i32", [1], Int32Array.of(-(2 ** 31)))],
  ["u16", hostTensor("u16", [1], Uint16Array.of(65535))],
  ["i16", hostTensor("i16", [1], Int16Array.of(-32768))],
  ["i8", hostTensor("i8", [3], Int8Array.of(-128, 0, 127))],
  ["u8", hostTensor("u8", [2], Uint8Array.of(0, 255))],
  ["flag", hostTensor("bool", [3], Uint8Array.of(1, 0, 1))],
  ["empty", hostTensor("f32", [0, 3])],
  ["__proto__", hostTensor("f32", [1], Float32Array.of(4))],
  ['é "\\\n\u0001', hostTensor("u8", [1], Uint8Array.of(1))],
  ["\uffee", hostTensor("u8", [1], Uint8Array.of(2))],
  ["\u{1f600}", hostTensor("u8", [1], Uint8Array.of(3))],
]);
const referenceMetadata = new Map([["made by", 'safetensors "0.8.0" é\n']]);
const reference = new Uint8Array(readFileSync(new URL("../fixtures/reference.safetensors", import.meta.url)));

describe("the original implementation's file", () => {
  it("is read to the same tensors and metadata", () => {
    const { tensors, metadata } = parseSafetensors(reference);
    expect(metadata).toEqual(referenceMetadata);
    expect(new Set(tensors.keys())).toEqual(new Set(referenceTensors.keys()));
    for (const [name, tensor] of referenceTensors) expect(tensors.get(name), name).toEqual(tensor);
  });

  it("is what we write for the same tensors, byte for byte, in whatever order they come", () => {
    expect(formatSafetensors(referenceTensors, referenceMetadata)).toEqual(reference);
    expect(formatSafetensors(new Map([...referenceTensors].reverse()), referenceMetadata)).toEqual(reference);
  });
});

const dtypes = Object.values(safetensorsDtypes);
const anyTensor: fc.Arbitrary<HostTensor> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(4), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const length = sizeOf(shape) * elementBytes[dtype];
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => hostTensor(dtype, shape, makeArray(dtype, sizeOf(shape), bytes.slice().buffer, 0)));
  });
const anyText = fc.string({ unit: "grapheme", maxLength: 12 });
const anyTensors = fc.uniqueArray(fc.tuple(anyText.filter((n) => n !== "__metadata__"), anyTensor), { selector: ([name]) => name, maxLength: 6 }).map((pairs) => new Map(pairs));
const anyMetadata = fc.uniqueArray(fc.tuple(anyText, anyText), { selector: ([key]) => key, maxLength: 3 }).map((pairs) => new Map(pairs));

describe("round trip", () => {
  it("gives back every tensor and every metadata entry, from any alignment", () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, fc.nat(8), (tensors, metadata, shift) => {
        const written = formatSafetensors(tensors, metadata);
        expect(Number(new DataView(written.buffer).getBigUint64(0, true)) % 8).toBe(0);
        const moved = new Uint8Array(written.length + shift).subarray(shift);
        moved.set(written);
        const read = parseSafetensors(moved);
        expect(read.metadata).toEqual(metadata);
        expect(read.tensors.size).toBe(tensors.size);
        for (const [name, tensor] of tensors) {
          const came = read.tensors.get(name)!;
          expect([came.dtype, came.shape]).toEqual([tensor.dtype, tensor.shape]);
          expect(bytesOf(came)).toEqual(bytesOf(tensor));
        }
        expect(formatSafetensors(read.tensors, read.metadata)).toEqual(written);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it("copies nothing where the file is aligned", () => {
    const written = formatSafetensors(referenceTensors);
    for (const [name, { data }] of parseSafetensors(written).tensors) expect(data.buffer === written.buffer, name).toBe(true);
  });
});

/** What JSON.parse and nothing else makes of a file: agrees with ours, or ours is wrong. */
function checkAgainstPlainReading(bytes: Uint8Array, read: ReturnType<typeof parseSafetensors>): void {
  const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  const covered = new Uint8Array(bytes.length - start);
  expect(new Set(read.tensors.keys())).toEqual(new Set(Object.keys(header).filter((key) => key !== "__metadata__")));
  for (const [name, tensor] of read.tensors) {
    const { dtype, shape, data_offsets: [begin, end] } = header[name]!;
    expect([tensor.dtype, tensor.shape]).toEqual([safetensorsDtypes[dtype], shape]);
    expect(bytesOf(tensor)).toEqual(bytes.subarray(start + begin, start + end));
    for (let i = begin; i < end; i++) covered[i]!++;
  }
  expect(covered.every((times) => times === 1)).toBe(true);
}

const headerEnd = 8 + Number(new DataView(reference.buffer).getBigUint64(0, true));
const anyPlace = fc.oneof(fc.nat(headerEnd - 1), fc.integer({ min: headerEnd, max: reference.length - 1 }));
const headerWords = ["0", "9", "[", "]", "{", "}", ",", ":", '"', "F32", "U8", "F64", "BOOL", "__proto__", "__metadata__", "data_offsets", "shape", " ", "-", ".", "e", "\u0000", "\u00ff"];
const mutations = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("set" as const), at: anyPlace, value: fc.nat(255) }),
    fc.record({ kind: fc.constant("cut" as const), at: anyPlace, count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant("insert" as const), at: anyPlace, word: fc.constantFrom(...headerWords) }),
    fc.record({ kind: fc.constant("truncate" as const), at: anyPlace }),
  ),
  { minLength: 1, maxLength: 3 },
);

describe("hostile files", () => {
  it("end in a CheckpointError or a reading that is right", () => {
    const outcomes = { refused: 0, read: 0 };
    fc.assert(
      fc.property(mutations, fc.boolean(), (steps, fixLength) => {
        let bytes = [...reference];
        for (const step of steps) {
          if (step.kind === "set") bytes[step.at % Math.max(bytes.length, 1)] = step.value;
          else if (step.kind === "cut") bytes.splice(step.at, step.count);
          else if (step.kind === "insert") bytes.splice(step.at, 0, ...new TextEncoder().encode(step.word));
          else bytes = bytes.slice(0, step.at);
        }
        const mutated = Uint8Array.from(bytes);
        // A length that fits the changed header lets the change reach the checks behind it.
        const braces = mutated.findLastIndex((byte, i) => byte === 0x7d && i < headerEnd + 40);
        if (fixLength && braces > 8) new DataView(mutated.buffer).setBigUint64(0, BigInt(braces + 1 - 8), true);
        let read: ReturnType<typeof parseSafetensors>;
        try {
          read = parseSafetensors(mutated);
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
          outcomes.refused++;
          return;
        }
        checkAgainstPlainReading(mutated, read);
        outcomes.read++;
      }),
      { seed: 4, numRuns: Number(process.env.FUZZ_RUNS ?? 5000) },
    );
    expect(Math.min(outcomes.refused, outcomes.read)).toBeGreaterThan(50);
  });

  const four = new Uint8Array(4);
  const eight = new Uint8Array(8);
  const long = (n: bigint): Uint8Array => {
    const bytes = file("{}");
    new DataView(bytes.buffer).setBigUint64(0, n, true);
    return bytes;
  };
  it.each<[string, Uint8Array, string]>([
    ["an empty file", new Uint8Array(), "at least 8 bytes, this has 0"],
    ["a header longer than the format allows", long(100_000_001n), "the header claims 100000001 bytes, the format allows 100000000"],
    ["a header length of 2^64 - 1", long(2n ** 64n - 1n), "the header claims 18446744073709551615 bytes"],
    ["a header beyond the end", long(3n), "the header claims 3 bytes, 2 are there"],
    ["a web page", new TextEncoder().encode("<!DOCTYPE html><html></html>"), "This is no safetensors file"],
    ["space before the first brace", file(" {}"), 'must begin with "{"'],
    ["a byte order mark", file("\ufeff{}"), 'must begin with "{"'],
    ["an array", file("[]"), 'must begin with "{"'],
    ["an empty header", file(""), 'must begin with "{"'],
    ["a header that is not UTF-8", file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "not UTF-8"],
    ["two tensors of one name", file(`{"a":${entry("1", "0,4")},"a":${entry("1", "4,8")}}`, eight), '"a" is there twice'],
    ["two metadata sections", file('{"__metadata__":{},"__metadata__":{}}'), "is there twice"],
    ["two dtypes in one tensor", file('{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', four), '"dtype" is there twice'],
    ["metadata that are not text", file('{"__metadata__":{"a":1}}'), '__metadata__ "a" must be text, is 1'],
    ["metadata that are no object", file('{"__metadata__":null}'), "__metadata__ must be a JSON object, is null"],
    ["a tensor that is no object", file('{"a":["F32",[1],[0,4]]}', four), '"a" must be a JSON object, is an array'],
    ["a field that nobody defined", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1]}}', four), 'a field "strides"'],
    ["an unknown dtype", file(`{"a":${entry("4", "0,4", "F8_E4M3")}}`, four), 'has dtype "F8_E4M3", expected one of U64'],
    ["a dtype named __proto__", file(`{"a":${entry("4", "0,4", "__proto__")}}`, four), 'has dtype "__proto__"'],
    ["no shape", file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', four), "shape must be an array of whole numbers"],
    ["a shape that holds text", file(`{"a":${entry('"1"', "0,4")}}`, four), "shape must be an array of whole numbers"],
    ["a negative axis", file(`{"a":${entry("-1", "0,4")}}`, four), "a whole number from 0 to 2^53 - 1"],
    ["a fractional axis", file(`{"a":${entry("1.0", "0,4")}}`, four), "a whole number from 0 to 2^53 - 1"],
    ["a product beyond 2^53", file(`{"a":${entry("4294967296,4294967296,0", "0,0")}}`), "larger than any file"],
    ["one offset", file(`{"a":${entry("1", "0")}}`, four), "data_offsets must be [begin, end], got [0]"],
    ["offsets that run backwards", file(`{"a":${entry("1", "4,0")}}`, four), "data_offsets must be [begin, end], got [4,0]"],
    ["a range that does not fit the shape", file(`{"a":${entry("2", "0,4")}}`, four), '"a" is f32[2], 8 bytes; its data_offsets [0,4] hold 4'],
    ["a hole", file(`{"a":${entry("1", "4,8")}}`, eight), "leaves a hole before it: its data begin at 4, expected 0"],
    ["an overlap", file(`{"a":${entry("1", "0,4")},"b":${entry("1", "0,4")}}`, four), "overlaps the tensor before it: its data begin at 0, expected 4"],
    ["data cut off", file(`{"a":${entry("2", "0,8")}}`, four), "the tensors take 8 bytes, the file has 4 after its header. It is cut off"],
    ["data left over", file(`{"a":${entry("1", "0,4")}}`, eight), "the tensors take 4 bytes, the file has 8 after its header. It is followed by something else"],
    ["a range as large as a number can say", file(`{"a":${entry("9007199254740991", "0,9007199254740991", "U8")}}`), "the tensors take 9007199254740991 bytes"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, { name: "x.safetensors" })).toThrowError(message);
    expect(() => parseSafetensors(bytes, { name: "x.safetensors" })).toThrowError(CheckpointError);
    expect(() => parseSafetensors(bytes, { name: "x.safetensors" })).toThrowError(/^x\.safetensors/);
  });

  it("accept empty tensors that share an offset with a full one", () => {
    const { tensors } = parseSafetensors(file(`{"a":${entry("1", "0,4")},"none":${entry("0", "0,0")},"end":${entry("0", "4,4")}}`, four));
    expect([...tensors.keys()]).toEqual(["none", "a", "end"]);
  });
});

it("reads a header from the beginning of a file alone", () => {
  const { tensors } = readSafetensorsHeader(reference.subarray(0, headerEnd), { fileBytes: reference.length });
  expect(tensors.get("u64")).toEqual({ dtype: "u64", shape: [1], begin: headerEnd, end: headerEnd + 8 });
});

it.each<[string, StateDict, Map<string, string>, string]>([
  ["a tensor named __metadata__", new Map([["__metadata__", hostTensor("f32", [1])]]), new Map(), "cannot be named __metadata__"],
  ["a name with half a surrogate pair", new Map([["\ud800", hostTensor("f32", [1])]]), new Map(), "half a surrogate pair"],
  ["metadata with half a surrogate pair", new Map(), new Map([["a", "\udc00"]]), "half a surrogate pair"],
  ["data that do not fill their shape", new Map([["a", { dtype: "f32" as DType, shape: [3], data: new Float32Array(2) }]]), new Map(), '"a" is f32[3] but has 2 elements'],
])("does not write %s", (_, tensors, metadata, message) => {
  expect(() => formatSafetensors(tensors, metadata)).toThrowError(message);
});
