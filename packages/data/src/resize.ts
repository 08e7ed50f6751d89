// Pillow's resizing, bit for bit: what torchvision's PIL transforms do, and so what the study's published numbers rest on.
// "Bilinear" is a triangle filter whose support grows with the down-scale factor, so it antialiases; GPU sampling does not.
// Defined by Pillow's src/libImaging/Resample.c (two passes, along rows first, 8-bit in between, 22-bit fixed-point weights) and
// Geometry.c (nearest). Pillow 13 takes the cheaper pass first, which moves some bytes by one; here the order is fixed, as it was
// in the versions that published results were made with.

import { ShapeError } from "@roentgen/core";

import { type Image, type Mask, RGB } from "./image.ts";

const PRECISION_BITS = 22;

/** An RGB image at another size, antialiased bilinear. Throws ShapeError unless both sizes are positive integers. */
export function resizeBilinear(image: Image, width: number, height: number): Image {
  checkSize("resizeBilinear", width, height);
  const across = alongRows(image.data, image.width, image.height, width);
  return { width, height, data: alongColumns(across, width, image.height, height) };
}

/** A mask at another size, each value taken from the nearest pixel centre. Throws ShapeError unless both sizes are positive integers. */
export function resizeNearest(mask: Mask, width: number, height: number): Mask {
  checkSize("resizeNearest", width, height);
  const columns = nearestIndices(mask.width, width);
  const rows = nearestIndices(mask.height, height);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = (rows[y] ?? 0) * mask.width;
    for (let x = 0; x < width; x++) data[y * width + x] = mask.data[row + (columns[x] ?? 0)] ?? 0;
  }
  return { width, height, data };
}

/** One number a pixel: `data` is [height, width], row-major. */
export interface NumberMap {
  readonly width: number;
  readonly height: number;
  readonly data: Float64Array;
}

/** A map of numbers at another size with `resizeBilinear`'s weights, unrounded in between. Throws ShapeError unless both sizes are positive integers. */
export function resizeMap(map: NumberMap, width: number, height: number): NumberMap {
  checkSize("resizeMap", width, height);
  const across = alongRowsTurned(map.data, map.width, map.height, width);
  return { width, height, data: alongRowsTurned(across, map.height, width, height) };
}

/** Rows of `width` resized to `to` and written as columns: [to, height]. Twice makes both axes, and turns back. */
function alongRowsTurned(data: Float64Array, width: number, height: number, to: number): Float64Array {
  const { first, count, weights, stride } = triangleWeights(width, to);
  const out = new Float64Array(to * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      const low = y * width + (first[x] ?? 0);
      let sum = 0;
      for (let k = 0; k < (count[x] ?? 0); k++) sum += (data[low + k] ?? 0) * (weights[x * stride + k] ?? 0);
      out[x * height + y] = sum / 2 ** PRECISION_BITS;
    }
  }
  return out;
}

/** Pillow adds the scale up step by step; a product would differ in the last bit now and then, which matters at a pixel's edge. */
function nearestIndices(from: number, to: number): Uint32Array {
  const scale = from / to;
  const indices = new Uint32Array(to);
  for (let i = 0, at = scale * 0.5; i < to; i++, at += scale) indices[i] = Math.min(Math.floor(at), from - 1);
  return indices;
}

interface Weights {
  /** First input position of each output position, and how many follow. */
  readonly first: Uint32Array;
  readonly count: Uint32Array;
  /** `stride` fixed-point weights for each output position. */
  readonly weights: Int32Array;
  readonly stride: number;
}

function triangleWeights(from: number, to: number): Weights {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Uint32Array(to);
  const count = new Uint32Array(to);
  const weights = new Int32Array(to * stride);
  const raw = new Float64Array(stride);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const n = Math.min(Math.trunc(centre + support + 0.5), from) - low;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      const w = Math.max(1 - Math.abs((k + low - centre + 0.5) * (1 / support)), 0);
      raw[k] = w;
      sum += w;
    }
    for (let k = 0; k < n; k++) weights[i * stride + k] = Math.trunc(0.5 + ((raw[k] ?? 0) / sum) * 2 ** PRECISION_BITS);
    first[i] = low;
    count[i] = n;
  }
  return { first, count, weights, stride };
}

const HALF = 1 << (PRECISION_BITS - 1);
const clip = (fixed: number): number => Math.min(Math.max(fixed >> PRECISION_BITS, 0), 255);

function alongRows(data: Uint8Array, width: number, height: number, to: number): Uint8Array {
  if (to === width) return data;
  const { first, count, weights, stride } = triangleWeights(width, to);
  const out = new Uint8Array(to * height * RGB);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      const low = first[x] ?? 0;
      const n = count[x] ?? 0;
      let r = HALF;
      let g = HALF;
      let b = HALF;
      for (let k = 0; k < n; k++) {
        const w = weights[x * stride + k] ?? 0;
        const at = (y * width + low + k) * RGB;
        r += (data[at] ?? 0) * w;
        g += (data[at + 1] ?? 0) * w;
        b += (data[at + 2] ?? 0) * w;
      }
      const at = (y * to + x) * RGB;
      out[at] = clip(r);
      out[at + 1] = clip(g);
      out[at + 2] = clip(b);
    }
  }
  return out;
}

function alongColumns(data: Uint8Array, width: number, height: number, to: number): Uint8Array {
  if (to === height) return data.slice();
  const { first, count, weights, stride } = triangleWeights(height, to);
  const rowLength = width * RGB;
  const out = new Uint8Array(to * rowLength);
  for (let y = 0; y < to; y++) {
    const low = first[y] ?? 0;
    const n = count[y] ?? 0;
    for (let i = 0; i < rowLength; i++) {
      let sum = HALF;
      for (let k = 0; k < n; k++) sum += (data[(low + k) * rowLength + i] ?? 0) * (weights[y * stride + k] ?? 0);
      out[y * rowLength + i] = clip(sum);
    }
  }
  return out;
}

function checkSize(who: string, width: number, height: number): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ShapeError(`${who}: width and height are positive integers, got ${width}x${height}.`);
  }
}
