// Buffers read as images. Software drivers fetch a texel, 16 bytes, at once, where of a buffer they test mask and bounds for each
// float; a kernel that reads its operands often is worth a copy of them, which the driver does by memcpy. A kernel says so by the type
// of a binding (`texel`); whoever launches it, a plan or the eager batch, copies the buffer into a texture before.
//
// Texels lie in a row after another, as many rows as it takes. A row has a power of two texels, so that a shader finds texel i at
// (i & width - 1, i >> log2 width), and a whole number of rows is the whole buffer.

import type { Buffer } from "./buffer.ts";
import type { Dispatch } from "./dispatch.ts";

/** What images are made of: four f32 a texel. */
export const texel = "rgba32float";
const texelBytes = 16;

/** Rows of this many texels, a page, suit most tensors, so that most share a texture. */
const usualWidth = 256;

/**
 * Texels at the end of each of a texture's rows that nobody uses: a cache line. Kernels walk up to 64 places at a time that lie one channel's
 * or one filter's length apart, often a multiple of a page, and all of these would meet in one set of the first-level cache.
 */
const skew = 4;

/** WebGPU's default limits: rows copied from a buffer begin at multiples of 256 bytes, and an axis has at most 8192 texels. */
const rowBytes = 256;
const longestAxis = 8192;

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** How so many bytes lie in an image; null where no rows of equal length hold them: fewer than 256 bytes at a time, or too many. */
export function imageSize(bytes: number): ImageSize | null {
  const texels = bytes / texelBytes;
  const even = largestPowerOfTwoIn(texels);
  const wanted = Math.max(usualWidth, 2 ** Math.ceil(Math.log2(texels / longestAxis)));
  const width = Math.min(even, wanted);
  const fits = Number.isInteger(texels) && (width * texelBytes) % rowBytes === 0 && width + skew <= longestAxis && texels / width <= longestAxis;
  return fits ? { width, height: texels / width } : null;
}

/** What a shader wants to know of an image's rows: [width - 1, log2 width]. Zeros for what is no image. */
export function imageRow(bytes: number): readonly [number, number] {
  const size = imageSize(bytes);
  return size ? [size.width - 1, Math.log2(size.width)] : [0, 0];
}

const largestPowerOfTwoIn = (n: number): number => {
  let power = 1;
  while (power < longestAxis && n % (2 * power) === 0) power *= 2;
  return power;
};

export interface Operand {
  readonly buffer: Buffer;
  readonly size: ImageSize;
  /** Which slot it is read from, and whether it has to be copied there or lies there since an earlier dispatch. */
  readonly slot: number;
  readonly copied: boolean;
}

export interface ImageLayout {
  /** Textures that operands use in turn. */
  readonly slots: readonly ImageSize[];
  readonly bytes: number;
  /** Of each dispatch, its operands that are images, in the order of its bindings. */
  readonly operands: readonly (readonly Operand[])[];
}

/** Gives the images of a list of dispatches their textures: of those with rows of one length, the one that was used longest ago. */
export function layOutImages(dispatches: readonly Pick<Dispatch, "kernel" | "label" | "buffers">[]): ImageLayout {
  const slots: { width: number; height: number; holds: Buffer | null; usedAt: number }[] = [];
  const operands = dispatches.map(({ kernel, label, buffers }, at) => {
    const mine: Operand[] = [];
    for (const [i, { isImage, name }] of kernel.bindings.entries()) {
      const buffer = buffers[i];
      if (!isImage || !buffer) continue;
      const size = imageSize(buffer.bytes);
      if (!size) throw new Error(`internal: ${label}: ${name}, ${buffer.bytes} bytes, cannot be an image.`);
      const alike = slots.filter((s) => s.width === size.width);
      let slot = alike.find((s) => s.holds !== null && isSame(s.holds, buffer));
      const copied = !slot;
      slot ??= alike.length < imagesOfOne ? undefined : alike.filter((s) => s.usedAt < at).sort((a, b) => a.usedAt - b.usedAt)[0];
      if (!slot) slots.push((slot = { width: size.width, height: 0, holds: null, usedAt: at }));
      Object.assign(slot, { height: Math.max(slot.height, size.height), holds: buffer, usedAt: at });
      mine.push({ buffer, size, slot: slots.indexOf(slot), copied });
    }
    for (const [i, { access }] of kernel.bindings.entries()) {
      const written = buffers[i]?.root.buffer;
      if (access === "read_write") for (const slot of slots) if (slot.holds?.root.buffer === written) slot.holds = null;
    }
    return mine;
  });
  return { slots, operands, bytes: slots.reduce((sum, slot) => sum + textureBytes(textureSize(slot)), 0) };
}

/** A dispatch reads at most two images, so two of each kind do; more would let more be read again without a copy. */
const imagesOfOne = 2;

/** A texture for an image, and what it holds. */
export const textureSize = ({ width, height }: ImageSize): ImageSize => ({ width: width + skew, height });
export const textureBytes = ({ width, height }: ImageSize): number => width * height * texelBytes;

function isSame(a: Buffer, b: Buffer): boolean {
  const [x, y] = [a.root, b.root];
  return x.buffer === y.buffer && x.offset === y.offset && a.bytes === b.bytes;
}

/** A copy of a whole buffer into the first rows of a texture: arguments of `copyBufferToTexture`. */
export interface ImageCopy {
  readonly source: GPUTexelCopyBufferInfo;
  readonly destination: GPUTexelCopyTextureInfo;
  readonly size: readonly [number, number];
}

export function imageCopy(buffer: Buffer, { width, height }: ImageSize, texture: GPUTexture): ImageCopy {
  const { gpu, offset } = buffer.memory;
  return { source: { buffer: gpu, offset, bytesPerRow: width * texelBytes }, destination: { texture }, size: [width, height] };
}
