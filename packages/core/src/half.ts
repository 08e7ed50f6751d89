// IEEE 754 binary16 as raw 16-bit words: what f16 tensors hold on the host.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Rounded to the nearest f16, ties to even; beyond 65504 infinity from 65520 on. */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  const words = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) words[i] = halfOf(values[i] ?? 0);
  return words;
}

/** Exactly the values of f16 words. */
export function fromHalf(words: ArrayLike<number>): Float32Array {
  const values = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) values[i] = valueOf(words[i] ?? 0);
  return values;
}

function halfOf(value: number): number {
  float[0] = value;
  const word = bits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  // Below 2^-14 an f16 is a multiple of 2^-24, and so is an f32 between 1/2 and 1: adding 1/2 rounds.
  float[0] = Math.abs(value) + 0.5;
  return sign | ((bits[0] ?? 0) - 0x3f000000);
}

function valueOf(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
