// What a pickle turns into: plain data, and nothing of the host. A dict is a Map, so `__proto__` is a key like any other. A name
// that is not on the list of builders becomes an inert node, which remembers what it was called with and does nothing.
import type { DType } from "@roentgen/core";
import { LazyTensor, type Strided, stridedTensor } from "../lazy-tensor.ts";
import { memorySource, type RandomAccess } from "../random-access.ts";

export type Value = null | boolean | number | bigint | string | Value[] | Dict | Tuple | ValueSet | LongText | Bytes | Global | Inert | ElementType | Storage | LazyTensor | Holder | RecordClass | Record;

/** Keys are compared as Map does: text and numbers by value, everything else by identity. */
export type Dict = Map<Value, Value>;

export class Tuple {
  constructor(readonly items: readonly Value[]) {}
}

export class ValueSet {
  constructor(readonly items: Value[]) {}
}

/** Text too long to be a name: left in the file. It is how Python 3 writes bytes in protocol 2. */
export class LongText {
  constructor(readonly utf8: RandomAccess) {}
}

/** A byte string: in memory, or left in the file. `latin1` is set where each byte is one Latin-1 character written as UTF-8. */
export class Bytes {
  constructor(readonly source: RandomAccess, readonly latin1 = false) {}

  static of(bytes: Uint8Array): Bytes {
    return new Bytes(memorySource(bytes, "bytes in a pickle"));
  }
}

/** A name in Python: a class or function that was neither looked up nor called. */
export class Global {
  constructor(readonly path: string) {}
}

/** An object of a class that is not known here, with what it was made from. It may hold anything and does nothing. */
export class Inert {
  state: Value = null;
  readonly items: Value[] = [];
  constructor(readonly path: string, readonly args: readonly Value[]) {}
}

/** A dtype or a storage class. `dtype` is null for element types that a HostTensor does not have. */
export class ElementType {
  constructor(readonly name: string, readonly dtype: DType | null, readonly bytes: number, readonly bigEndian = false) {}
}

/** Elements in a file. Where they lie may be learnt after tensors on them were made (PyTorch's legacy stream). */
export class Storage {
  /** Set by the container. Must have exactly `elements * type.bytes` bytes, `offset` elements in. */
  data: (() => RandomAccess | Promise<RandomAccess>) | null = null;
  /** `offset`: of a view, in elements of its root. */
  constructor(readonly type: ElementType, readonly elements: number, readonly key: string, readonly offset = 0) {}
}

/** What becomes a tensor when its state arrives: a NumPy array under construction, a Parameter of 2016. */
export class Holder {
  tensor: LazyTensor | Inert | null = null;
  constructor(readonly kind: "array" | "parameter") {}
}

/** A named tuple's class, as dill writes it. */
export class RecordClass {
  constructor(readonly name: string, readonly fields: readonly string[]) {}
}

export class Record {
  constructor(readonly name: string, readonly fields: ReadonlyMap<string, Value>) {}
}

/** The tensor that a value is, if it is one. */
export function asTensor(value: Value | undefined): LazyTensor | undefined {
  if (value instanceof LazyTensor) return value;
  return value instanceof Holder && value.tensor instanceof LazyTensor ? value.tensor : undefined;
}

/** A tensor on `type`, or an inert node if there are no such elements on the host. Throws CheckpointError as `stridedTensor`. */
export function tensorOf(who: string, type: ElementType, rest: Omit<Strided, "dtype" | "bigEndian">): LazyTensor | Inert {
  if (type.dtype === null) return new Inert(`tensor of ${type.name}`, []);
  return stridedTensor(who, { ...rest, dtype: type.dtype, bigEndian: type.bigEndian });
}
