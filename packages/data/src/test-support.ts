// What several tests of this package share: the pattern of test-fixtures/make-fixtures.py, PNG chunks by hand, data sets in memory.

import { crc32, deflateSync } from "node:zlib";
import { readFileSync } from "node:fs";

import { encode } from "fast-png";

import type { Image, Mask } from "./image.ts";
import { memorySource } from "./source.ts";

/** The input of every fixture: u8[height, width, channels]. */
export function pattern(width: number, height: number, channels: number): Uint8Array {
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const v = (37 * x + 91 * y + 53 * c + 7 * x * y) % 256;
        data[(y * width + x) * channels + c] = y % 7 === 6 ? 0 : x % 5 === 4 ? 255 : v;
      }
    }
  }
  return data;
}

export const patternImage = (width: number, height: number): Image => ({ width, height, data: pattern(width, height, 3) });
export const patternMask = (width: number, height: number): Mask => ({ width, height, data: pattern(width, height, 1).map((v) => (v >= 128 ? 1 : 0)) });

export interface PillowFixtures {
  readonly resizes: readonly { readonly from: [number, number]; readonly to: [number, number]; readonly bilinear: string; readonly nearest: string }[];
  readonly rotations: readonly { readonly size: [number, number]; readonly degrees: number; readonly image: string; readonly mask: string }[];
  readonly pngs: readonly { readonly name: string; readonly size: [number, number]; readonly png: string; readonly rgb: string }[];
}

export const pillow = JSON.parse(readFileSync(new URL("../test-fixtures/pillow.json", import.meta.url), "utf8")) as PillowFixtures;
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

const bytesOf = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

export function chunk(type: string, body: Uint8Array): Uint8Array {
  const typed = bytesOf(new TextEncoder().encode(type), body);
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.set(typed, 4);
  out.writeUInt32BE(crc32(typed), body.length + 8);
  return new Uint8Array(out);
}

export function header(width: number, height: number, depth = 8, colour = 0, interlace = 0): Uint8Array {
  const body = Buffer.alloc(13);
  body.writeUInt32BE(width, 0);
  body.writeUInt32BE(height, 4);
  body.set([depth, colour, 0, 0, interlace], 8);
  return chunk("IHDR", new Uint8Array(body));
}

/** A PNG from chunks, with signature and end. */
export const png = (...chunks: Uint8Array[]): Uint8Array => bytesOf(SIGNATURE, ...chunks, chunk("IEND", new Uint8Array()));
export const pixels = (raw: Uint8Array): Uint8Array => chunk("IDAT", new Uint8Array(deflateSync(raw)));

/** A grey PNG of one value, except pixel 0, which tells files apart. */
export function greyPng(side: number, value: number, first = value): Uint8Array {
  const data = new Uint8Array(side * side).fill(value);
  data[0] = first;
  return encode({ width: side, height: side, data, channels: 1, depth: 8 });
}

export interface Row {
  readonly image: string;
  readonly split: string;
  readonly subject: string;
  readonly [field: string]: unknown;
}

/** A source over an index.json with these rows and a distinct 4x4 image for each, plus `files`, which win. */
export function sourceOf(task: { kind: string; classes: string[] }, rows: readonly Row[], files: Record<string, Uint8Array> = {}) {
  const index = JSON.stringify({ name: "toy", version: 1, task, samples: rows });
  const made = rows.flatMap((row, i): [string, Uint8Array][] => [
    [row.image, greyPng(4, 100, i % 256)],
    ...(typeof row.mask === "string" ? [[row.mask, greyPng(4, 0, 255)] as [string, Uint8Array]] : []),
  ]);
  return memorySource(new Map([["index.json", new TextEncoder().encode(index)], ...made, ...Object.entries(files)]));
}

/** n rows of a multiclass task, each its own subject. */
export const rowsOf = (n: number, split = "train"): Row[] =>
  Array.from({ length: n }, (_, i) => ({ image: `${split}/${i}.png`, label: i % 3, split, subject: `${split}-${i}` }));

export const PLANES = { kind: "multiclass", classes: ["axial", "coronal", "sagittal"] };
