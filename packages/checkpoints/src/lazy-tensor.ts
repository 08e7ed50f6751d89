// A tensor in a file, not read yet. Containers make them, methods rename and transpose them, and only what is kept is read.
import { type ArrayOf, CheckpointError, type DType, elementBytes, format, type HostTensor, hostTensor, makeArray, type Shape, sizeOf, stridesOf } from "@roentgen/core";
import type { RandomAccess } from "./random-access.ts";

export class LazyTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly #read: (into?: Uint8Array) => Promise<HostTensor>;

  constructor(dtype: DType, shape: Shape, read: (into?: Uint8Array) => Promise<HostTensor>) {
    this.dtype = dtype;
    this.shape = shape;
    this.#read = read;
  }

  /**
   * Reads the data, row-major and contiguous. Nothing is kept: a second call reads again.
   * @param into  memory that the data may be put into; its offset is a multiple of 8
   */
  read(into?: Uint8Array): Promise<HostTensor> {
    return this.#read(into);
  }

  get bytes(): number {
    return sizeOf(this.shape) * elementBytes[this.dtype];
  }
}

/** Where a strided tensor's elements lie. Offset and strides count elements. */
export interface Strided {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Default: row-major. */
  readonly strides?: readonly number[];
  readonly offset?: number;
  /** Elements that the data have. */
  readonly elements: number;
  readonly bigEndian?: boolean;
  readonly data: () => RandomAccess | Promise<RandomAccess>;
}

const maxAxes = 64;
/** What a view may span beyond its own size: a transposed tensor none, a column of a matrix the matrix. */
const spareSpanBytes = 64 * 2 ** 20;

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

/**
 * A tensor over a stretch of bytes.
 * @throws CheckpointError if its shape and strides are malformed or reach outside the elements that are there
 */
export function stridedTensor(who: string, { dtype, shape, strides = stridesOf(shape), offset = 0, elements, bigEndian = false, data }: Strided): LazyTensor {
  const bad = (why: string) => new CheckpointError(`${who}: a tensor with ${why}. The file is damaged.`);
  if (shape.length > maxAxes) throw bad(`${shape.length} axes`);
  if (strides.length !== shape.length) throw bad(`${shape.length} axes and ${strides.length} strides`);
  if (![...shape, ...strides, offset].every(isCount)) throw bad(`shape [${shape.slice(0, 8)}], strides [${strides.slice(0, 8)}] and offset ${offset}, which must be whole and not negative`);
  const count = sizeOf(shape);
  if (!Number.isSafeInteger(count * elementBytes[dtype])) throw bad(`shape [${shape.slice(0, 8)}], larger than any file`);
  const last = shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, 0);
  const span = count === 0 ? 0 : last + 1;
  if (!Number.isSafeInteger(span) || offset + span > elements) {
    throw bad(`shape [${shape.slice(0, 8)}], strides [${strides.slice(0, 8)}] and offset ${offset}, which reaches beyond its storage of ${elements} elements`);
  }
  const size = elementBytes[dtype];
  const contiguous = stridesOf(shape).every((stride, axis) => shape[axis]! <= 1 || stride === strides[axis]);
  return new LazyTensor(dtype, shape, async (into) => {
    if (Math.max(span, count) * size > spareSpanBytes + 16 * Math.min(span, count) * size) {
      throw new CheckpointError(`${who}: ${format(dtype, shape)} is a view that spans ${span} elements. Save a contiguous copy of it first.`);
    }
    const bytes = count === 0 ? new Uint8Array() : await (await data()).read(offset * size, span * size, into);
    const elements = asArray(dtype, bytes, span, bigEndian);
    return hostTensor(dtype, shape, contiguous ? elements : gather(dtype, elements, shape, strides));
  });
}

/** Bytes as elements: a view where they are aligned and in our order, a copy where not. */
function asArray<D extends DType>(dtype: D, bytes: Uint8Array, length: number, bigEndian: boolean): ArrayOf[D] {
  const size = elementBytes[dtype];
  const { buffer, byteOffset } = bytes;
  const swap = bigEndian && size > 1;
  if (!swap && buffer instanceof ArrayBuffer && byteOffset % size === 0) return makeArray(dtype, length, buffer, byteOffset);
  const copy = bytes.slice();
  if (swap) for (let i = 0; i < copy.length; i += size) copy.subarray(i, i + size).reverse();
  return makeArray(dtype, length, copy.buffer as ArrayBuffer, 0);
}

function gather<D extends DType>(dtype: D, from: ArrayOf[D], shape: Shape, strides: readonly number[]): ArrayOf[D] {
  const to = makeArray(dtype, sizeOf(shape));
  const source = from as ArrayLike<number | bigint>;
  const target = to as { [index: number]: number | bigint };
  const axes = shape.length;
  const columns = shape[axes - 1] ?? 1;
  const step = strides[axes - 1] ?? 1;
  const index = new Array<number>(Math.max(axes - 1, 0)).fill(0);
  let start = 0;
  for (let at = 0; at < to.length; at += columns) {
    for (let c = 0; c < columns; c++) target[at + c] = source[start + c * step]!;
    for (let axis = axes - 2; axis >= 0; axis--) {
      start += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      start -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return to;
}
