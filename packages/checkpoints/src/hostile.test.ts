// Files that were damaged or crafted, thousands of each container: each must end soon, in a CheckpointError or in a correct
// reading, and all of them together in 512 MB. FUZZ_RUNS=100000 makes it long. Changes reach behind checksums, because the changed
// parts get new ones. hostile-corpus.test.ts has files that were made by hand.
import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { CheckpointError, hostTensor, type HostTensor, sizeOf } from "@roentgen/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listContents } from "./containers/container.ts";
import { openContainer } from "./containers/open.ts";
import { writeBundle } from "./containers/tf-bundle.fixture.ts";
import { byolVector, legacyVector, tarVector, zipVector } from "./containers/vectors.fixture.ts";
import { writeZip } from "./containers/zip.fixture.ts";
import { openZipMember, readZipDirectory } from "./containers/zip.ts";
import { convertContainer } from "./methods/convert.ts";
import { memorySource } from "./random-access.ts";
import { formatSafetensors } from "./safetensors-write.ts";
import { writeTar } from "./tar.fixture.ts";

const runs = Number(process.env.FUZZ_RUNS ?? 2000);
const longestMs = 2000;
const mostBytes = 512 * 2 ** 20;
const fixture = (path: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)));
const unpacked = (path: string) => new Uint8Array(gunzipSync(fixture(path)));

const words = ["\x80\x02", "cos\nsystem\n", "c__builtin__\neval\n", "X\x09\x00\x00\x00__proto__", "R", "b", "s", "u", ".", "(", "t", "]", "}", "h\x00", "q\x00", "\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff", "J\xff\xff\xff\xff", "G\x7f\xf8\x00\x00\x00\x00\x00\x00", "N", "../../x", "PK\x01\x02", "PK\x05\x06"];

interface Step {
  readonly kind: "set" | "cut" | "insert" | "truncate" | "repeat";
  readonly at: number;
  readonly value: number;
  readonly word: string;
}
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ kind: fc.constantFrom("set", "set", "cut", "insert", "truncate", "repeat"), at: fc.double({ min: 0, max: 1, noNaN: true }), value: fc.nat(255), word: fc.constantFrom(...words) }),
  { minLength: 1, maxLength: 4 },
);

function mutate(bytes: Uint8Array, changes: readonly Step[]): Uint8Array {
  let out = Buffer.from(bytes);
  for (const { kind, at, value, word } of changes) {
    const i = Math.min(Math.floor(at * out.length), Math.max(out.length - 1, 0));
    const [before, after] = [out.subarray(0, i), out.subarray(i)];
    if (kind === "set" && out.length > 0) out[i] = value;
    else if (kind === "cut") out = Buffer.concat([before, after.subarray(1 + (value % 32))]);
    else if (kind === "insert") out = Buffer.concat([before, Buffer.from(word, "latin1"), after]);
    else if (kind === "truncate" && value < 40) out = Buffer.from(before);
    else if (kind === "repeat") out = Buffer.concat([before, after.subarray(0, value), after]);
  }
  return new Uint8Array(out);
}

/** Opens, lists, converts and reads; what is read must have the length its shape says. */
async function use(bytes: Uint8Array, beside?: Uint8Array): Promise<"read" | "refused"> {
  const [began, beganCpu] = [performance.now(), process.cpuUsage()];
  try {
    const container = await openContainer(memorySource(bytes, "file"), { findBeside: async (name) => (beside ? memorySource(beside, name) : undefined) });
    for (const { tensor } of listContents(container.root)) {
      if (!tensor || tensor.bytes > 1e6) continue;
      const { shape, data } = await tensor.read();
      if (data.length !== sizeOf(shape)) throw new Error(`a tensor of ${data.length} elements and shape [${shape}]`);
    }
    await convertContainer(container, { fileName: "file" });
    return "read";
  } catch (error) {
    if (error instanceof CheckpointError && !error.message.startsWith("internal")) return "refused";
    throw error;
  } finally {
    // Time of this process alone counts, but that is asked for only where the clock gives reason: it costs as much as a small file.
    if (performance.now() - began > longestMs) {
      const { user, system } = process.cpuUsage(beganCpu);
      if (user + system > 1e3 * longestMs) throw new Error(`took ${(user + system) / 1e3} ms`);
    }
  }
}

const swav = unpacked("torch/swav_800ep_pretrain.pth.tar.gz");
const [small, other] = [hostTensor("f32", [2, 3], Float32Array.of(0, 1, 2, 3, 4, 5)), hostTensor("i64", [], BigInt64Array.of(7n))];
const bundle = writeBundle(new Map<string, HostTensor>([["base_model/conv2d/kernel", small], ["x", other]]), { perBlock: 1 });
const snappyBundle = writeBundle(new Map<string, HostTensor>([["base_model/conv2d/kernel", small], ["x", other]]), { snappy: true });
const safetensors = formatSafetensors(new Map<string, HostTensor>([["base_model.weight", small], ["x", other]]), new Map([["format", "pt"]]));
const modelJson = (format: string) => new TextEncoder().encode(JSON.stringify({ format, weightsManifest: [{ paths: ["group1-shard1of1.bin"], weights: [{ name: "conv1/kernel", shape: [2, 3], dtype: "float32" }] }] }));
const tarOf = async (changes: readonly Step[]) => {
  const parts = new Map<string, Uint8Array>();
  for (let at = 0; at + 512 < tarVector.length; ) {
    const header = Buffer.from(tarVector.subarray(at, at + 512));
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8);
    if (!Number.isFinite(size)) break;
    const name = header.toString("latin1", 0, 100).replace(/\0.*$/s, "");
    if (header[156] === 0x30) parts.set(name, tarVector.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  const chosen = ["pickle", "tensors", "storages"][changes.length % 3]!;
  return writeTar([...parts].map(([path, data]) => ({ path, data: path === chosen ? mutate(data, changes) : data })));
};
const zipOf = async (changes: readonly Step[]) => {
  const source = memorySource(zipVector, "zip");
  const members = await readZipDirectory(source);
  const chosen = changes[0]!.value < 200 ? "data.pkl" : "";
  return writeZip(await Promise.all([...members.values()].map(async (member) => {
    const opened = await openZipMember(source, member);
    const data = await opened.read(0, opened.size);
    return { name: member.name, data: (chosen === "" ? member.name.includes("/data/") : member.name.endsWith(chosen)) ? mutate(data, changes) : data, deflate: changes[0]!.value % 2 === 0 };
  })));
};

type Make = (changes: readonly Step[]) => Uint8Array | Promise<Uint8Array>;
const containers: [string, Make, Uint8Array?][] = [
  ["PyTorch zip", (changes) => mutate(zipVector, changes)],
  ["PyTorch zip, inside", zipOf],
  ["PyTorch legacy stream", (changes) => mutate(changes.length === 1 ? swav : legacyVector, changes)],
  ["PyTorch tar", (changes) => mutate(tarVector, changes)],
  ["PyTorch tar, inside", tarOf],
  ["pickle", (changes) => mutate(byolVector, changes)],
  ["pickle of protocol 5", (changes) => mutate(fixture("numpy/protocol5.pkl"), changes)],
  ["pickle of protocol 0", (changes) => mutate(fixture("numpy/protocol0.pkl"), changes)],
  ["npz", (changes) => mutate(fixture("numpy/stored.npz"), changes)],
  ["npy", (changes) => mutate(fixture("numpy/fortran.npy"), changes)],
  ["TensorFlow index", (changes) => mutate(bundle.index, changes), bundle.data],
  ["TensorFlow entries", (changes) => writeBundle(new Map([["base_model/conv2d/kernel", small]]), { snappy: changes.length > 2, change: (name, value) => (name === "" ? value : [...mutate(Uint8Array.from(value), changes)]) }).index, bundle.data],
  ["TensorFlow index packed by Snappy", (changes) => mutate(snappyBundle.index, changes), snappyBundle.data],
  ["npz, deflated", (changes) => mutate(fixture("numpy/deflated.npz"), changes)],
  ["safetensors", (changes) => mutate(safetensors, changes)],
  ["tfjs layers model", (changes) => mutate(modelJson("layers-model"), changes), new Uint8Array(24)],
  ["tfjs graph model", (changes) => mutate(modelJson("graph-model"), changes), new Uint8Array(24)],
  ["gzip", (changes) => mutate(new Uint8Array(gzipSync(legacyVector)), changes)],
  ["gzip, inside", (changes) => new Uint8Array(gzipSync(mutate(writeTar([{ path: "a.safetensors", data: safetensors }]), changes), { level: 1 }))],
];

describe("hostile files", () => {
  const began = process.memoryUsage.rss();
  it.each(containers)("of kind %s end in a named error or a right reading", async (kind, make, beside) => {
    const outcomes = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(steps, async (changes) => {
        outcomes[await use(await make(changes), beside)]++;
      }),
      { seed: 11, numRuns: runs },
    );
    expect(outcomes.refused).toBeGreaterThan(runs / 10);
    // The most that was ever resident, garbage included: no file can have had more.
    expect(1024 * process.resourceUsage().maxRSS - began).toBeLessThan(mostBytes);
    if (process.env.FUZZ_RUNS) process.stdout.write(`${kind}: ${runs} files, ${outcomes.refused} refused, ${outcomes.read} read; at most ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB resident\n`);
  }, 60 * 60_000);
});
