// Moves pixels about without mixing them: crops, mirror, rotation.

import { ShapeError } from "@roentgen/core";

import { type Image, type Mask, RGB } from "./image.ts";

/** A rectangle of pixels: `left` and `top` inclusive, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

type Plane = { readonly width: number; readonly height: number; readonly data: Uint8Array };

/** The part of an image inside `box`, copied. Throws ShapeError where the box leaves the image. */
export const cropImage = (image: Image, box: Box): Image => crop(image, box, RGB);

/** The part of a mask inside `box`, copied. Throws ShapeError where the box leaves the mask. */
export const cropMask = (mask: Mask, box: Box): Mask => crop(mask, box, 1);

function crop(from: Plane, box: Box, channels: number): Plane {
  const { left, top, width, height } = box;
  if (![left, top, width, height].every(Number.isInteger) || left < 0 || top < 0 || width < 1 || height < 1 || left + width > from.width || top + height > from.height) {
    throw new ShapeError(`crop: ${width}x${height} at (${left}, ${top}) does not lie inside ${from.width}x${from.height}. Resize to at least the crop first.`);
  }
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const at = ((top + y) * from.width + left) * channels;
    data.set(from.data.subarray(at, at + width * channels), y * width * channels);
  }
  return { width, height, data };
}

/** The middle `size` x `size` pixels. Half a pixel goes to the even side: torchvision rounds so, being Python. */
export function centreBox(width: number, height: number, size: number): Box {
  return { left: roundHalfEven((width - size) / 2), top: roundHalfEven((height - size) / 2), width: size, height: size };
}

/** Python's round(). */
export const roundHalfEven = (v: number): number => (v % 1 === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));

/** An image mirrored left to right. */
export const flipImage = (image: Image): Image => flip(image, RGB);

/** A mask mirrored left to right. */
export const flipMask = (mask: Mask): Mask => flip(mask, 1);

function flip(from: Plane, channels: number): Plane {
  const data = new Uint8Array(from.data.length);
  for (let y = 0; y < from.height; y++) {
    for (let x = 0; x < from.width; x++) {
      const source = (y * from.width + x) * channels;
      const target = (y * from.width + from.width - 1 - x) * channels;
      for (let c = 0; c < channels; c++) data[target + c] = from.data[source + c] ?? 0;
    }
  }
  return { width: from.width, height: from.height, data };
}

/** Ten crops of `size` x `size`: top-left, top-right, bottom-left, bottom-right, centre, then the same five of the mirrored image. */
export function tenCrop(image: Image, size: number): Image[] {
  const right = image.width - size;
  const bottom = image.height - size;
  const corners: Box[] = [[0, 0], [right, 0], [0, bottom], [right, bottom]].map(([left = 0, top = 0]) => ({ left, top, width: size, height: size }));
  const boxes = [...corners, centreBox(image.width, image.height, size)];
  const mirrored = flipImage(image);
  return [image, mirrored].flatMap((from) => boxes.map((box) => cropImage(from, box)));
}

/** An image turned about its centre, `degrees` counter-clockwise, same size, nearest pixel, black outside (Pillow's `rotate`). */
export const rotateImage = (image: Image, degrees: number): Image => rotate(image, degrees, RGB);

/** A mask turned as `rotateImage` turns its image, 0 outside. */
export const rotateMask = (mask: Mask, degrees: number): Mask => rotate(mask, degrees, 1);

/**
 * Follows Pillow's Image.rotate and affine_fixed: the inverse map in 16.16 fixed point, so that which pixel is nearest is decided
 * by the same integers. Sides stay below 32768, as there, for 32-bit sums to hold.
 */
function rotate(from: Plane, degrees: number, channels: number): Plane {
  const { width, height } = from;
  const radians = (-degrees * Math.PI) / 180;
  const cos = round15(Math.cos(radians));
  const sin = round15(Math.sin(radians));
  const [cx, cy] = [width / 2, height / 2];
  const shiftX = cos * -cx + sin * -cy + cx;
  const shiftY = -sin * -cx + cos * -cy + cy;
  const fix = (v: number) => Math.floor(v * 65536 + 0.5);
  const [stepX, stepY] = [fix(cos), fix(-sin)];
  const [rowX, rowY] = [fix(sin), fix(cos)];
  const startX = fix(shiftX + cos * 0.5 + sin * 0.5);
  const startY = fix(shiftY - sin * 0.5 + cos * 0.5);
  const data = new Uint8Array(from.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceX = (startX + y * rowX + x * stepX) >> 16;
      const sourceY = (startY + y * rowY + x * stepY) >> 16;
      if (sourceX < 0 || sourceX >= width || sourceY < 0 || sourceY >= height) continue;
      const source = (sourceY * width + sourceX) * channels;
      const target = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) data[target + c] = from.data[source + c] ?? 0;
    }
  }
  return { width, height, data };
}

const round15 = (v: number): number => Number(v.toFixed(15));
