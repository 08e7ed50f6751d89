import { readFileSync } from "node:fs";
import { CheckpointError } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { asTensor, type Value } from "../pickle/values.ts";
import { memorySource } from "../random-access.ts";
import { openContainer } from "./open.ts";

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../../fixtures/numpy/${name}`, import.meta.url)));

it.each(["stored.npz", "deflated.npz"])("%s comes back as NumPy wrote it", async (file) => {
  const container = await openContainer(memorySource(fixture(file), file));
  expect(container.kind).toBe("npz");
  const read = Object.fromEntries(await Promise.all([...(container.root as Map<string, Value>)].map(async ([name, value]) => {
    const { dtype, shape, data } = await asTensor(value)!.read();
    return [name, [dtype, shape, [...(data as Iterable<number>)]]] as const;
  })));
  expect(read).toEqual({
    f4: ["f32", [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]],
    big: ["f32", [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]],
    fortran: ["f32", [2, 3, 4], [...Array(24).keys()]],
    scalar: ["f64", [], [2.5]],
    empty: ["f32", [0, 3], []],
    half: ["f16", [3], [0x3c00, 0xc000, 0x7bff]],
    i8: ["i64", [2], [-1n, 2n ** 40n]],
    u1: ["u8", [3], [0, 128, 255]],
    flag: ["bool", [2], [1, 0]],
  });
});

/** A .npy file with this header and so many bytes of data. */
function npy(header: string, bytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(10 + text.length + bytes);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  out.set(text, 10);
  return out;
}

describe("a .npy file", () => {
  it.each([
    ["of pickled objects", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", 8), 'element type "|O"'],
    ["of a structure", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", 4), "not one of descr, fortran_order, shape"],
    ["with code in its header", npy("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').system('x'), }\n", 4), "not one of descr, fortran_order, shape"],
    ["with another key", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': True, }\n", 4), "must have descr"],
    ["with a key twice", npy("{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }\n", 4), "twice"],
    ["with a key missing", npy("{'descr': '<f4', 'shape': (1,), }\n", 4), "must have descr"],
    ["with less data than its shape", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 4), "takes 8 bytes, 4 are there"],
    ["with a shape no file can hold", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }\n", 4), "bytes, 4 are there"],
    ["with a header beyond its end", npy("{'descr'", 0).subarray(0, 12), "claims 8 bytes"],
  ])("%s is refused", async (_, bytes, message) => {
    const outcome = openContainer(memorySource(bytes, "x.npy"));
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.toBeInstanceOf(CheckpointError);
  });
});
