import { encode } from "fast-png";
import type { MaskExample } from "./results.ts";

interface Pixels {
  /** u8[size, size, 3] */
  readonly image: Uint8Array;
  /** 0 and 1, size x size */
  readonly truth: ArrayLike<number>;
  /** Probabilities, size x size */
  readonly prediction: ArrayLike<number>;
  readonly dice: number;
}

/** A test image, its mask and the predicted mask (above one half) as PNG data URIs. */
export function maskExample(file: string, size: number, { image, truth, prediction, dice }: Pixels): MaskExample {
  const mask = (values: ArrayLike<number>) => Uint8Array.from(values, (v) => (v > 0.5 ? 255 : 0));
  return { file, width: size, height: size, dice, image: dataUri(image, size, 3), truth: dataUri(mask(truth), size, 1), prediction: dataUri(mask(prediction), size, 1) };
}

function dataUri(data: Uint8Array, size: number, channels: 1 | 3): string {
  const bytes = encode({ width: size, height: size, data: data.slice(), depth: 8, channels });
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return `data:image/png;base64,${btoa(binary)}`;
}
