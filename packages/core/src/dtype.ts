/** Element types of host tensors and files. Tensors on a device use `f32`, `f16`, `u32`, `i32` and `u8` (packed in 32-bit words). */
export type DType = "f32" | "f16" | "bf16" | "f64" | "u8" | "i8" | "bool" | "u16" | "i16" | "u32" | "i32" | "u64" | "i64";

/** Bytes of one element. */
export const elementBytes: Readonly<Record<DType, number>> = {
  f32: 4, f16: 2, bf16: 2, f64: 8, u8: 1, i8: 1, bool: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, i64: 8,
};

/** What holds the elements on the host. f16 and bf16 are raw 16-bit words. */
export interface ArrayOf {
  f32: Float32Array; f16: Uint16Array; bf16: Uint16Array; f64: Float64Array;
  u8: Uint8Array; i8: Int8Array; bool: Uint8Array; u16: Uint16Array; i16: Int16Array;
  u32: Uint32Array; i32: Int32Array; u64: BigUint64Array; i64: BigInt64Array;
}

export type TypedArray = ArrayOf[DType];

const constructors = {
  f32: Float32Array, f16: Uint16Array, bf16: Uint16Array, f64: Float64Array,
  u8: Uint8Array, i8: Int8Array, bool: Uint8Array, u16: Uint16Array, i16: Int16Array,
  u32: Uint32Array, i32: Int32Array, u64: BigUint64Array, i64: BigInt64Array,
} as const;

/** A zeroed array of `length` elements, or a view of `buffer` at `byteOffset` (which must be aligned to the element). */
export function makeArray<D extends DType>(dtype: D, length: number): ArrayOf[D];
export function makeArray<D extends DType>(dtype: D, length: number, buffer: ArrayBuffer, byteOffset: number): ArrayOf[D];
export function makeArray(dtype: DType, length: number, buffer?: ArrayBuffer, byteOffset?: number): TypedArray {
  const Constructor = constructors[dtype];
  return buffer ? new Constructor(buffer, byteOffset, length) : new Constructor(length);
}
