// The window of a convolution or a pooling: what `kernel`, `stride`, `padding` and `dilation` mean, in one place.

import { ShapeError } from "@roentgen/core";

type Pair = readonly [number, number];

/** The same on all sides, [rows, columns], or each side by itself. */
export type Padding = number | readonly [number, number] | { top: number; bottom: number; left: number; right: number };

export interface WindowOptions {
  readonly stride?: number | readonly [number, number];
  readonly padding?: Padding;
  readonly dilation?: number | readonly [number, number];
}

/** A window in full: every pair is [height, width]. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number };
  readonly output: readonly [number, number];
}

/**
 * Normalises the options and computes the output's size: floor((in + pads - dilation * (k - 1) - 1) / stride) + 1 for each of
 * height and width, as PyTorch's conv2d and pooling define it (ceil_mode off).
 *
 * @param op      who speaks in errors
 * @param input   [height, width] of the image
 * @param kernel  [height, width] of the window
 * @throws ShapeError if a number is not a whole one in range, or the window does not fit the padded image
 */
export function windowOf(op: string, input: Pair, kernel: Pair, { stride = 1, padding = 0, dilation = 1 }: WindowOptions = {}): Window {
  const window = {
    kernel: checked(op, "kernel", kernel, 1),
    stride: checked(op, "stride", pair(stride), 1),
    dilation: checked(op, "dilation", pair(dilation), 1),
    padding: sides(op, padding),
  };
  const { top, bottom, left, right } = window.padding;
  const output = [
    outputSize(input[0], top + bottom, window.kernel[0], window.stride[0], window.dilation[0]),
    outputSize(input[1], left + right, window.kernel[1], window.stride[1], window.dilation[1]),
  ] as const;
  if (output[0] < 1 || output[1] < 1) {
    const span = window.kernel.map((k, i) => (window.dilation[i] ?? 1) * (k - 1) + 1);
    throw new ShapeError(
      `${op}: the window is ${span.join("x")}, the image is only ${input[0] + top + bottom}x${input[1] + left + right} with its padding. ` +
        `The input is ${input.join("x")}, kernel ${kernel.join("x")}, dilation ${window.dilation.join("x")}. Use a larger input, more padding or a smaller kernel.`,
    );
  }
  return { ...window, output };
}

const pair = (value: number | Pair): Pair => (typeof value === "number" ? [value, value] : value);

const outputSize = (size: number, pads: number, kernel: number, stride: number, dilation: number): number =>
  Math.floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1;

/** Sizes of windows are far below this; a larger one is a slip, and index arithmetic in the shaders is 32 bits wide. */
const largest = 65_535;

function checked(op: string, what: string, value: Pair, least: number): Pair {
  const good = value.length === 2 && value.every((v) => Number.isInteger(v) && v >= least && v <= largest);
  if (!good) throw new ShapeError(`${op}: ${what} expects whole numbers from ${least} to ${largest} as one number or [height, width], got ${JSON.stringify(value)}.`);
  return value;
}

function sides(op: string, padding: Padding): Window["padding"] {
  const [rows, columns]: readonly Pair[] =
    typeof padding === "object" && "top" in padding
      ? [[padding.top, padding.bottom], [padding.left, padding.right]]
      : [pair(pair(padding)[0]), pair(pair(padding)[1])];
  const [top, bottom] = checked(op, "padding", rows as Pair, 0);
  const [left, right] = checked(op, "padding", columns as Pair, 0);
  return { top, bottom, left, right };
}
