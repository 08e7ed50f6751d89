import { CheckpointError, hostTensor, type HostTensor } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import { asTensor, type Value } from "../pickle/values.ts";
import { memorySource, type RandomAccess } from "../random-access.ts";
import { openContainer } from "./open.ts";
import { unsnappy } from "./snappy.ts";
import { writeBundle } from "./tf-bundle.fixture.ts";
import { bundleDataVector, bundleIndexVector } from "./vectors.fixture.ts";
import { writeZip } from "./zip.fixture.ts";

const tensors = new Map<string, HostTensor>([
  ["base_model/conv2d/kernel", hostTensor("f32", [1, 1, 2, 2], Float32Array.of(1.5, -2, 3, 4))],
  ["base_model/conv2d_1/kernel", hostTensor("f32", [1, 1, 1, 2], Float32Array.of(0.5, 0.25))],
  ["global_step", hostTensor("i64", [], BigInt64Array.of(225206n))],
]);

const open = (index: Uint8Array, data: Uint8Array | undefined) =>
  openContainer(memorySource(index, "model.index"), { findBeside: async (name): Promise<RandomAccess | undefined> => (data ? memorySource(data, name) : undefined) });

async function readAll(index: Uint8Array, data: Uint8Array | undefined): Promise<Map<string, HostTensor>> {
  const { root } = await open(index, data);
  const read = new Map<string, HostTensor>();
  for (const [name, value] of root as Map<string, Value>) read.set(name, await asTensor(value)!.read());
  return read;
}

describe("a TensorFlow bundle", () => {
  it("by the writer of these tests is LevelDB's and TensorFlow's, byte for byte", () => {
    expect(writeBundle(tensors)).toEqual({ index: bundleIndexVector, data: bundleDataVector });
  });

  it.each([["one block", {}], ["a block an entry", { perBlock: 1 }], ["blocks of two, packed by Snappy", { perBlock: 2, snappy: true }]])("in %s is read", async (_, options) => {
    const { index, data } = writeBundle(tensors, options);
    expect(await readAll(index, data)).toEqual(tensors);
  });

  it("in a zip is found, and a module under hub/ is not taken for it", async () => {
    const { index, data } = writeBundle(tensors);
    const zip = writeZip([
      { name: "ResNet50_1x/checkpoint", data: new TextEncoder().encode('model_checkpoint_path: "model.ckpt-225206"') },
      { name: "ResNet50_1x/hub/variables/variables.index", data: Uint8Array.of(1) }, { name: "ResNet50_1x/hub/variables/variables.data-00000-of-00001", data: Uint8Array.of(1) },
      { name: "ResNet50_1x/model.ckpt-225206.index", data: index, deflate: true }, { name: "ResNet50_1x/model.ckpt-225206.data-00000-of-00001", data, deflate: true },
    ]);
    const container = await openContainer(memorySource(zip, "ResNet50_1x.zip"));
    expect([container.kind, container.packedIn]).toEqual(["tf-bundle", ["zip"]]);
    expect(await asTensor((container.root as Map<string, Value>).get("base_model/conv2d_1/kernel"))!.read()).toEqual(tensors.get("base_model/conv2d_1/kernel"));
  });

  const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const { index, data } = writeBundle(tensors);
  const changed = (name: string, change: (value: number[]) => number[]) => writeBundle(tensors, { change: (n, value) => (n === name ? change(value) : value) }).index;
  it.each<[string, Uint8Array, Uint8Array | undefined, string]>([
    ["a flipped bit in the index", flipped(index, 30), data, "checksum of the index's block at byte 0"],
    ["a flipped bit in the data", index, flipped(data, 3), 'checksum of "base_model/conv2d/kernel"'],
    ["no data file", index, undefined, "model.data-00000-of-00001 is not beside it"],
    ["a data file that is cut off", index, data.subarray(0, 20), "are wanted, 20 are there"],
    ["big-endian data", changed("", (v) => [...v, 16, 1]), data, "big-endian"],
    ["a shape that is not its size", changed("global_step", (v) => [...v, 0x12, 4, 0x12, 2, 8, 9]), data, "has shape [9] and 8 bytes"],
    ["slices", changed("global_step", (v) => [...v, 0x3a, 0]), data, "stored in slices"],
    ["a size beyond 2^53", changed("global_step", (v) => [...v, 0x28, ...Array<number>(9).fill(255), 1]), data, "cut off or too large"],
    ["a data file that is not counted", changed("global_step", (v) => [...v, 0x18, 7]), data, "is in data file 7 of 1"],
  ])("with %s is refused", async (_, badIndex, badData, message) => {
    const outcome = readAll(badIndex, badData);
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.toBeInstanceOf(CheckpointError);
  });
});

describe("Snappy", () => {
  const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  it.each([
    ["a literal", "\x05\x10hello", "hello"],
    ["a long literal", `\x80\x01\xf0\x7f${"x".repeat(128)}`, "x".repeat(128)],
    ["a copy with a one-byte offset", "\x09\x10hello\x01\x05", "hellohell"],
    ["a copy that overlaps itself", "\x08\x00a\x0d\x01", "aaaaaaaa"],
    ["a copy with a two-byte offset", "\x07\x10hello\x06\x05\x00", "hellohe"],
    ["a copy with a four-byte offset", "\x07\x10hello\x07\x05\x00\x00\x00", "hellohe"],
  ])("unpacks %s", (_, packed, text) => expect(new TextDecoder().decode(unsnappy(bytes(packed), "x"))).toBe(text));

  it.each([
    ["a length that is a lie", "\x7f\x10hello"], ["a length beyond any ratio", "\xff\xff\xff\x7f\x00a"], ["a copy from before the start", "\x09\x10hello\x01\x06"],
    ["a copy of nothing", "\x09\x10hello\x01\x00"], ["a literal that is cut off", "\x05\x10hel"], ["too much", "\x03\x10hello"],
  ])("refuses %s", (_, packed) => expect(() => unsnappy(bytes(packed), "x")).toThrow(CheckpointError));
});
