import { gzipSync } from "node:zlib";
import { CheckpointError, hostTensor, Rng } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import type { Value } from "../pickle/values.ts";
import { asTensor } from "../pickle/values.ts";
import { memorySource, type RandomAccess } from "../random-access.ts";
import { formatSafetensors } from "../safetensors-write.ts";
import { writeTar } from "../tar.fixture.ts";
import { openContainer, type OpenOptions } from "./open.ts";
import { Pages, PieceReader, UnpackAllowance } from "./pages.ts";
import { writeBundle } from "./tf-bundle.fixture.ts";
import { tarVector } from "./vectors.fixture.ts";
import { writeZip } from "./zip.fixture.ts";

const weights = (value: number, length = 2) => formatSafetensors(new Map([["w", hostTensor("f32", [length], new Float32Array(length).fill(value))]]));
const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));
const open = (bytes: Uint8Array, options?: OpenOptions) => openContainer(memorySource(bytes, "models.tar.gz"), options);
const first = async (bytes: Uint8Array, options?: OpenOptions) => {
  const { root, packedIn, member } = await open(bytes, options);
  const { data } = await asTensor((root as Map<string, Value>).get("w"))!.read();
  return [data[0], packedIn.join(" "), member];
};

const files = [{ path: "models/keras.h5", data: new Uint8Array(70_000) }, { path: "models/pt/large.pth", data: weights(1, 600_000) }, { path: "models/pt/mini.pth", data: weights(2) }];
const archives: [string, Uint8Array, string][] = [
  ["a tar", writeTar(files), "tar"],
  ["a packed tar", gzip(writeTar(files)), "gzip tar"],
  ["a zip", writeZip(files.map(({ path, data }) => ({ name: path, data, deflate: true }))), "zip"],
];

describe.each(archives)("of %s of several files", (_, archive, packedIn) => {
  it("the one that is asked for is read, by its path or the end of it", async () => {
    expect(await first(archive, { member: "models/pt/mini.pth" })).toEqual([2, packedIn, "models/pt/mini.pth"]);
    expect(await first(archive, { member: "large.pth" })).toEqual([1, packedIn, "models/pt/large.pth"]);
  });

  it.each([[undefined, /archive of 3 files: "models\/keras.h5", "models\/pt\/large.pth", "models\/pt\/mini.pth"\. Say which with --member/], ["tiny.pth", /without .*member.*"models\/pt\/mini.pth"/]])("for %j the names are told", async (member, message) => {
    await expect(open(archive, { member })).rejects.toThrow(message);
  });
});

it("a packed tar is read no further than to the file that is asked for", async () => {
  const rng = new Rng(2);
  const packed = gzip(Uint8Array.from([...writeTar([{ path: "a", data: weights(3) }]).slice(0, -1024), ...writeTar([{ path: "b", data: Uint8Array.from({ length: 2_500_000 }, () => rng.u32()) }])]));
  let furthest = 0;
  const source: RandomAccess = { ...memorySource(packed, "x.tar.gz"), read: async (offset, length) => {
    if (offset + length < packed.length) furthest = Math.max(furthest, offset + length);
    return packed.subarray(offset, offset + length);
  } };
  expect(packed.length).toBeGreaterThan(2 ** 20);
  await openContainer(source, { member: "a" });
  expect(furthest).toBeLessThan(packed.length - 100_000);
});

it("PyTorch's own tar of 2016 may be packed", async () => {
  expect((await open(gzip(tarVector))).kind).toBe("torch-tar");
});

it("of several checkpoints in a zip one can be asked for", async () => {
  const { index, data } = writeBundle(new Map([["w", hostTensor("f32", [1], Float32Array.of(5))]]));
  const zip = writeZip(["a", "b"].flatMap((name) => [{ name: `${name}/model.index`, data: index }, { name: `${name}/model.data-00000-of-00001`, data }]));
  await expect(open(zip)).rejects.toThrow("several checkpoints");
  expect((await open(zip, { member: "b/model.index" })).kind).toBe("tf-bundle");
});

it("what is no archive has no members", async () => {
  await expect(open(weights(1), { member: "x" })).rejects.toThrow('is no archive, so that it has no member "x"');
});

it("what would fill the memory is refused before it is there, however it is wrapped", async () => {
  const zeros = new Uint8Array(100 * 2 ** 20);
  const five = writeZip(Array.from({ length: 5 }, (_, i) => ({ name: `${i}.npy`, data: zeros.subarray(i), deflate: true })));
  await expect(open(five)).rejects.toThrow(CheckpointError);
  const tar = gzip(writeTar([{ path: "a", data: weights(1), size: (500 * 2 ** 20).toString(8).padStart(11, "0") }]));
  await expect(open(tar)).rejects.toThrow("Weights do not compress like that");
});

describe("Pages", () => {
  it("give back what came in pieces of any size, across their edges", async () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
    const pages = new Pages();
    for (let at = 0, step = 1; at < 1000; at += step, step = (step * 3) % 101) {
      const piece = bytes.subarray(at, at + step);
      // Every third a neighbour of the one before.
      pages.add(step % 3 === 0 ? piece : piece.slice());
    }
    const source = pages.source("x");
    expect(source.size).toBe(1000);
    for (const [offset, length] of [[0, 1000], [0, 64], [63, 2], [64, 64], [999, 1], [500, 0], [1000, 0]] as const) {
      expect(await source.read(offset, length), `${offset} ${length}`).toEqual(bytes.slice(offset, offset + length));
      expect(await source.read(offset, length, new Uint8Array(2000)), `${offset} ${length}`).toEqual(bytes.slice(offset, offset + length));
    }
    await expect(source.read(999, 2)).rejects.toThrow("1000 are there");
  });

  it("are filled by a reader that looks ahead and passes over", async () => {
    const reader = new PieceReader((async function* () {
      for (const piece of [[1, 2], [], [3], [4, 5, 6]]) yield Uint8Array.from(piece);
    })());
    expect([...(await reader.peek(3))]).toEqual([1, 2, 3]);
    const pages = new Pages();
    expect([await reader.pass(1), await reader.pass(3, pages), await reader.pass(5, pages)]).toEqual([true, true, false]);
    expect([...(await pages.source("x").read(0, pages.size))]).toEqual([2, 3, 4, 5, 6]);
  });

  it("take no more than is allowed in all, and less of what comes from nothing", () => {
    const nothing = new UnpackAllowance();
    nothing.take(100 * 2 ** 20, 0, "x");
    expect(() => nothing.take(100 * 2 ** 20, 2 ** 20, "x")).toThrow("x: 1048576 packed bytes hold 104857600 or more. Weights do not compress like that");
    const allowance = new UnpackAllowance();
    allowance.take(300 * 2 ** 20, 100 * 2 ** 20, "x");
    expect(() => allowance.take(100 * 2 ** 20, 50 * 2 ** 20, "x")).toThrow("x: unpacks to more than the 384 MiB that are kept in memory");
  });
});
