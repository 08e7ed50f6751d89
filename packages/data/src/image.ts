// The two things that are in memory after decoding. Everything in this package is a function between them.

/** An RGB picture: `data` is u8[height, width, 3], row-major. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A binary mask: `data` is u8[height, width], 0 outside and 1 inside. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A picture with the mask that belongs to it, if the task has masks. Both always have the same size. */
export interface View {
  readonly image: Image;
  readonly mask?: Mask | undefined;
}

/** Channels of `Image.data`. `Mask.data` has one. */
export const RGB = 3;
