import { readFileSync } from "node:fs";
import { CheckpointError } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { ByteCursor, memorySource } from "../random-access.ts";
import { unpickle } from "./unpickle.ts";
import { asTensor, Bytes, Inert, Tuple, type Value, ValueSet } from "./values.ts";

const run = (bytes: Uint8Array | string) => unpickle(new ByteCursor(memorySource(typeof bytes === "string" ? Uint8Array.from(bytes, (c) => c.charCodeAt(0)) : bytes, "x.pkl")), { name: "x.pkl" });
const items = (value: Value | undefined) => (value instanceof Tuple || value instanceof ValueSet ? value.items : value);

describe.each([0, 1, 2, 3, 4, 5])("an object that CPython pickled with protocol %i", (protocol) => {
  const read = async () => (await run(new Uint8Array(readFileSync(new URL(`../../fixtures/numpy/protocol${protocol}.pkl`, import.meta.url))))) as Map<Value, Value>;

  it("comes back as plain data", async () => {
    const value = await read();
    expect(value.get("ints")).toEqual([0, 1, -1, 255, 256, 65535, 65536, -(2 ** 31), 2 ** 31, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 100n)]);
    expect(value.get("floats")).toEqual([0.5, -0.25, Infinity, 1e-300]);
    expect(value.get("text")).toEqual(["", "plain", "é ü 漢 \u{1f600}", "line\nbreak \\ 'quote'"]);
    expect([value.get("none"), value.get("yes"), value.get("no")]).toEqual([null, true, false]);
    expect((value.get("tuples") as Tuple).items.map(items)).toEqual([[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]);
    expect([items(value.get("set")), items(value.get("frozen"))]).toEqual([[1], [2]]);
    const bytes = value.get("bytes") as Bytes;
    expect(bytes).toBeInstanceOf(Bytes);
    expect([...(await bytes.source.read(0, bytes.source.size))]).toEqual([...Array(256).keys()]);
    expect(value.get(1)).toBe("integer key");
    expect((value.get("__proto__") as Map<Value, Value>).get("constructor")).toBe(1);
    expect([...(value.get("ordered") as Map<Value, Value>)]).toEqual([["b", 1], ["a", 2]]);
    expect(value.get("again")).toBe(value.get("ordered"));
    expect(value.get("itself")).toBe(value);
    expect(value.get("namespace")).toBeInstanceOf(Inert);
  });

  it("and its arrays as tensors", async () => {
    const value = await read();
    const tensor = async (key: string) => {
      const { dtype, shape, data } = await asTensor(value.get(key))!.read();
      return [dtype, shape, [...(data as Iterable<number>)]];
    };
    expect(await tensor("scalar")).toEqual(["f64", [], [0.25]]);
    expect(await tensor("array")).toEqual(["f32", [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]]);
    expect(await tensor("big")).toEqual(["f32", [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]]);
    expect(await tensor("fortran")).toEqual(["f32", [2, 3, 4], [...Array(24).keys()]]);
  });
});

describe("a hostile pickle", () => {
  it.each([
    ["os.system", "\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R.", "os system"],
    ["eval", "\x80\x02c__builtin__\neval\nX\x03\x00\x00\x001+1\x85R.", "__builtin__ eval"],
    ["getattr of a module", "\x80\x02c__builtin__\ngetattr\ncos\npath\nX\x04\x00\x00\x00join\x86R.", "__builtin__ getattr"],
    ["a name of ours that is no builder", "carray\nstate\n)R.", "array state"],
    ["a property of every object", "c__proto__\nconstructor\n)R.", "__proto__ constructor"],
    ["Object's constructor", "cconstructor\nconstructor\n)R.", "constructor constructor"],
  ])("that names %s gets an inert node", async (_, pickle, path) => {
    const value = await run(pickle);
    expect(value).toBeInstanceOf(Inert);
    expect((value as Inert).path).toBe(path);
  });

  it("cannot reach a prototype through a key", async () => {
    const value = (await run("}X\x09\x00\x00\x00__proto__}X\x08\x00\x00\x00pollutedK\x01ss.")) as Map<Value, Value>;
    expect([...value.keys()]).toEqual(["__proto__"]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it("may nest as deep as its bytes go: no stack of ours grows", async () => {
    expect(Array.isArray(await run(`${"]".repeat(400_000)}${"a".repeat(399_999)}.`))).toBe(true);
  });

  it.each([
    ["nothing", "", "ends before the pickle does"],
    ["no STOP", "\x80\x02N", "ends before the pickle does"],
    ["values left over", "NN.", "values left over"],
    ["a mark left over", "(N.", "values left over"],
    ["an empty stack", "0.", "the stack is empty"],
    ["a pop below a mark", "N(\x85.", "the stack is empty"],
    ["a missing mark", "Nt.", "a mark is missing"],
    ["a missing memo entry", "h\x05.", "memo entry 5 is missing"],
    ["a string longer than the file", "X\xff\xff\xff\x7fab.", "a string of 2147483647 bytes, 3 are left"],
    ["a string of 2^63 bytes", "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", "a length of"],
    ["a negative string", "T\xff\xff\xff\xff.", "a string of -1 bytes"],
    ["an integer of a megabyte", "\x8b\x00\x00\x10\x00.", "an integer of 1048576 bytes"],
    ["an odd dict", "(Nd.", "a key and no value"],
    ["items for a number", "K\x01NNs.", "something that is no dict"],
    ["an item for a number", "K\x01Na.", "something that is no list"],
    ["arguments that are no tuple", "cos\nsystem\nNR.", "arguments that are no tuple"],
    ["the extension registry", "\x82\x01.", "instruction 0x82"],
    ["INST", "(ios\nsystem\n.", "instruction 0x69"],
    ["an out-of-band buffer", "\x97.", "instruction 0x97"],
    ["protocol 6", "\x80\x06N.", "protocol 6"],
    ["text that is not UTF-8", "X\x01\x00\x00\x00\xff.", "not UTF-8"],
    ["a codec that is not latin1", "c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.", 'codec "rot13"'],
    ["a number that is a name", "Fconstructor\n.", '"constructor" is no number'],
    ["a stack without end", "N".repeat(1_000_002), "more than 1000000 values"],
    ["marks without end", "(".repeat(1_000_002), "more than 1000000 marks"],
    ["objects without end", `](${"]".repeat(500_001)}e.`, "more than 500000 objects"],
    ["work without end", `(${"N".repeat(90_000)}lq\x00${"c__builtin__\nlist\nh\x00\x85R0".repeat(100)}.`, "more than 3000000 steps"],
  ])("with %s is refused", async (_, pickle, message) => {
    const outcome = run(pickle);
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.toBeInstanceOf(CheckpointError);
  });
});
