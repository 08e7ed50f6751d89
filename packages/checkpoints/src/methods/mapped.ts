// Tensors under new names and in another layout, still unread.
import { CheckpointError, format, type HostTensor, hostTensor, makeArray, type Shape } from "@roentgen/core";
import { LazyTensor } from "../lazy-tensor.ts";

/** Float data as f32. f16 and bf16 widen exactly; f64 is taken only where nothing is rounded. */
export function asFloat32(tensor: LazyTensor, who: string): LazyTensor {
  const { dtype, shape } = tensor;
  if (dtype === "f32") return tensor;
  if (dtype !== "f16" && dtype !== "bf16" && dtype !== "f64") throw new CheckpointError(`${who} is ${format(dtype, shape)}, expected f32. It holds no weights.`);
  return new LazyTensor("f32", shape, async () => hostTensor("f32", shape, widen(await tensor.read(), who)));
}

function widen({ dtype, data }: HostTensor, who: string): Float32Array {
  const out = new Float32Array(data.length);
  const from = data as Uint16Array | Float64Array;
  if (dtype === "bf16") {
    const words = new Uint32Array(out.buffer);
    for (let i = 0; i < from.length; i++) words[i] = from[i]! << 16;
  } else if (dtype === "f16") {
    for (let i = 0; i < from.length; i++) out[i] = halfToFloat(from[i]!);
  } else {
    out.set(from);
    for (let i = 0; i < from.length; i++) if (!Object.is(out[i], from[i]) && !Number.isNaN(from[i])) throw new CheckpointError(`${who} is f64 and element ${i}, ${from[i]}, is no f32 value. Round it yourself first if that is meant.`);
  }
  return out;
}

function halfToFloat(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** A count as an i64 scalar. */
export function asCount(tensor: LazyTensor, who: string): LazyTensor {
  if (tensor.dtype === "i64" && tensor.shape.length === 0) return tensor;
  if (!["i64", "i32", "f32", "u8", "i16"].includes(tensor.dtype)) throw new CheckpointError(`${who} is ${format(tensor.dtype, tensor.shape)}, expected an i64 scalar.`);
  return new LazyTensor("i64", [], async () => {
    const [value] = (await tensor.read()).data;
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw new CheckpointError(`${who} is ${value}, expected a whole number.`);
    return hostTensor("i64", [], BigInt64Array.of(BigInt(value ?? 0)));
  });
}

/** The count of a batch norm that never counted. */
export const zeroCount = new LazyTensor("i64", [], async () => hostTensor("i64", []));

/** The same data in another shape of the same size. */
export const reshaped = (tensor: LazyTensor, shape: Shape): LazyTensor =>
  new LazyTensor(tensor.dtype, shape, async (into) => {
    const { dtype, data } = await tensor.read(into);
    return hostTensor(dtype, shape, data);
  });

/** TensorFlow's [height, width, in, out] as [out, in, height, width], or its dense [in, out] as [out, in]. */
export function reversedLayout(tensor: LazyTensor, who: string): LazyTensor {
  const [h, w, i, o] = tensor.shape.length === 2 ? [1, 1, ...tensor.shape] : tensor.shape;
  if (h === undefined || w === undefined || i === undefined || o === undefined || tensor.shape.length > 4) throw new CheckpointError(`${who} is ${format(tensor.dtype, tensor.shape)}, expected a filter of four axes or a matrix.`);
  const shape = tensor.shape.length === 2 ? [o, i] : [o, i, h, w];
  return new LazyTensor(tensor.dtype, shape, async () => {
    const { dtype, data } = await tensor.read();
    const from = data as ArrayLike<number | bigint>;
    const to = makeArray(dtype, data.length) as { [index: number]: number | bigint };
    const area = h * w;
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < i; c++) {
        const row = (p * i + c) * o;
        for (let k = 0; k < o; k++) to[(k * i + c) * area + p] = from[row + k]!;
      }
    }
    return hostTensor(dtype, shape, to as typeof data);
  });
}
