// PNG bytes to pixels, for files nobody vouches for. fast-png does the decoding; before it may, the chunks are walked here: the
// header is checked before anything is allocated, everything but header, palette and pixels is left out (an embedded colour
// profile or text is one more thing to inflate), and the pixel stream is inflated once with a counter, so that a small file
// cannot become a large array.

import { DataError } from "@roentgen/core";
import { decode, encode } from "fast-png";

import { type Image, type Mask, RGB } from "./image.ts";

/** Sides longer than this are refused unless a caller says otherwise. */
export const MAX_SIDE = 4096;

/** What a caller accepts: `maxSide` in pixels. */
export interface PngLimits {
  readonly maxSide?: number;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CHANNELS: Readonly<Record<number, { readonly name: string; readonly channels: number; readonly depths: readonly number[] }>> = {
  0: { name: "grey", channels: 1, depths: [1, 2, 4, 8] },
  2: { name: "RGB", channels: 3, depths: [8] },
  3: { name: "palette", channels: 1, depths: [1, 2, 4, 8] },
  4: { name: "grey with alpha", channels: 2, depths: [8] },
  6: { name: "RGB with alpha", channels: 4, depths: [8] },
};

/**
 * A PNG as RGB: grey is copied to three channels, a palette is looked up, alpha is dropped (as Pillow's `convert("RGB")`).
 * `file` names it in errors. Throws DataError for anything but an intact 8-bit (or less), non-interlaced PNG within the limits.
 */
export async function decodeRgb(bytes: Uint8Array, file: string, limits: PngLimits = {}): Promise<Image> {
  const { header, pixels, palette } = await decodeChecked(bytes, file, limits);
  const { width, height, colour } = header;
  const stride = CHANNELS[colour]?.channels ?? 1;
  const data = new Uint8Array(width * height * RGB);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < RGB; c++) {
      const at = i * stride + (stride >= 3 ? c : 0);
      const value = pixels[at] ?? 0;
      if (palette) {
        const entry = palette[value];
        if (!entry) throw new DataError(`${file}: pixel ${i} uses palette entry ${value}, the palette has ${palette.length}. Write the file anew.`);
        data[i * RGB + c] = entry[c] ?? 0;
      } else data[i * RGB + c] = value;
    }
  }
  return { width, height, data };
}

/** A grey PNG of 0 and 255 as a mask of 0 and 1. Throws DataError as decodeRgb does, and for any other grey or a coloured file. */
export async function decodeMask(bytes: Uint8Array, file: string, limits: PngLimits = {}): Promise<Mask> {
  const { header, pixels } = await decodeChecked(bytes, file, limits);
  if (header.colour !== 0) throw new DataError(`${file}: a mask is a grey PNG, this one is ${CHANNELS[header.colour]?.name}. Convert it first.`);
  const data = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i];
    if (value !== 0 && value !== 255) throw new DataError(`${file}: a mask holds 0 and 255, pixel ${i} is ${value}. Threshold it first.`);
    data[i] = value === 255 ? 1 : 0;
  }
  return { width: header.width, height: header.height, data };
}

/** A mask as a grey PNG of 8 bits, 0 outside and 255 inside: what `decodeMask` reads. */
export const encodeMask = ({ width, height, data }: Mask): Uint8Array => encode({ width, height, data: data.map((v) => 255 * v), depth: 8, channels: 1 });

async function decodeChecked(bytes: Uint8Array, file: string, limits: PngLimits) {
  const { header, idat, kept } = walk(bytes, file, limits.maxSide ?? MAX_SIDE);
  const rowBytes = Math.ceil((header.width * (CHANNELS[header.colour]?.channels ?? 1) * header.depth) / 8);
  const expected = header.height * (rowBytes + 1);
  const inflated = await inflatedLength(idat, expected, file);
  if (inflated !== expected) {
    const what = inflated > expected ? "more" : `${inflated}`;
    throw new DataError(`${file}: ${header.width}x${header.height} pixels take ${expected} bytes, the file holds ${what}. It is damaged; fetch it again.`);
  }
  let png: ReturnType<typeof decode>;
  try {
    png = decode(kept, { checkCrc: true });
  } catch (cause) {
    throw new DataError(`${file}: not a valid PNG (${reason(cause)}). It is damaged; fetch it again.`);
  }
  const pixels = header.depth === 8 ? (png.data as Uint8Array) : unpack(png.data as Uint8Array, header, rowBytes);
  if (header.colour === 3 && !png.palette) throw new DataError(`${file}: a palette image without a palette. It is damaged; fetch it again.`);
  return { header, pixels, palette: header.colour === 3 ? png.palette : undefined };
}

/** The header, the pixel chunks, and a copy of the file with nothing but header, palette, pixels and end. */
function walk(bytes: Uint8Array, file: string, maxSide: number) {
  const bad = (what: string) => new DataError(`${file}: not a PNG that can be read: ${what}.`);
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) throw bad("the first eight bytes are not a PNG's");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const idat: Uint8Array[] = [];
  const spans: [number, number][] = [[0, 8]];
  let header: Header | undefined;
  for (let offset = 8; ; ) {
    if (offset + 12 > bytes.length) throw bad("it ends before its end chunk");
    const length = view.getUint32(offset);
    if (length > bytes.length - offset - 12) throw bad(`a chunk at byte ${offset} says ${length} bytes, ${bytes.length - offset - 12} are left`);
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    const end = offset + 12 + length;
    if (!header) {
      if (type !== "IHDR" || length !== 13) throw bad("it does not begin with a header of 13 bytes");
      header = readHeader(view, offset + 8, file, maxSide);
    } else if (type === "IHDR") throw bad("it has a second header");
    // A tRNS chunk only adds alpha, which is dropped anyway.
    if (type === "IHDR" || type === "PLTE" || type === "IDAT" || type === "IEND") spans.push([offset, end]);
    if (type === "PLTE" && length > 768) throw bad(`its palette has ${length} bytes, at most 768 make sense`);
    if (type === "IDAT") idat.push(bytes.subarray(offset + 8, offset + 8 + length));
    if (type === "IEND") break;
    offset = end;
  }
  const kept = new Uint8Array(spans.reduce((sum, [from, to]) => sum + to - from, 0));
  let at = 0;
  for (const [from, to] of spans) {
    kept.set(bytes.subarray(from, to), at);
    at += to - from;
  }
  return { header, idat, kept };
}

function readHeader(view: DataView, at: number, file: string, maxSide: number): Header {
  const width = view.getUint32(at);
  const height = view.getUint32(at + 4);
  const depth = view.getUint8(at + 8);
  const colour = view.getUint8(at + 9);
  if (width < 1 || height < 1 || width > maxSide || height > maxSide) {
    throw new DataError(`${file}: is ${width}x${height}, sides from 1 to ${maxSide} are read. Resize it first.`);
  }
  const type = CHANNELS[colour];
  if (!type?.depths.includes(depth)) {
    throw new DataError(`${file}: ${depth} bits of ${type?.name ?? `colour type ${colour}`} are not read. Convert it to 8 bits of grey or RGB.`);
  }
  if (view.getUint8(at + 12) !== 0) throw new DataError(`${file}: interlaced PNG is not read. Write it without interlacing.`);
  return { width, height, depth, colour };
}

/** How many bytes the pixel stream inflates to; stops counting soon after `limit`. */
async function inflatedLength(idat: readonly Uint8Array[], limit: number, file: string): Promise<number> {
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  // Small pieces, because all of a piece is inflated before anyone can stop it. A failure shows on the reading side.
  const feed = async () => {
    for (const part of idat) {
      for (let i = 0; i < part.length; i += 4096) await writer.write(part.slice(i, i + 4096));
    }
    await writer.close();
  };
  const fed = feed().catch(() => undefined);
  const reader = stream.readable.getReader();
  let length = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      length += part.value.length;
      if (length > limit) {
        await reader.cancel();
        await writer.abort().catch(() => undefined);
        break;
      }
    }
  } catch (cause) {
    throw new DataError(`${file}: its pixels do not inflate (${reason(cause)}). It is damaged; fetch it again.`);
  }
  await fed;
  return length;
}

/** Samples of 1, 2 or 4 bits to bytes: grey spread over 0..255 (1-bit is 0 and 255), palette entries as they are. */
function unpack(packed: Uint8Array, { width, height, depth, colour }: Header, rowBytes: number): Uint8Array {
  const top = 2 ** depth - 1;
  const scale = colour === 0 ? 255 / top : 1;
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = packed[y * rowBytes + (bit >> 3)] ?? 0;
      out[y * width + x] = ((byte >> (8 - depth - (bit & 7))) & top) * scale;
    }
  }
  return out;
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
