// The names that a checkpoint's pickle may use, each with what it builds: plain data, tensors that are still in the file, nothing
// else. Sources: PyTorch's torch/_utils.py and torch/serialization.py, NumPy's multiarray pickling, dill's _dill.py, Haiku's
// data_structures.py, JAX's array.py.
import { type DType, elementBytes } from "@roentgen/core";
import { quote } from "../json.ts";
import { LazyTensor } from "../lazy-tensor.ts";
import { checkRange, chunksOf, type RandomAccess } from "../random-access.ts";
import type { Machine } from "./unpickle.ts";
import { Bytes, ElementType, Global, Holder, Inert, LongText, Record, RecordClass, Storage, tensorOf, Tuple, type Value, ValueSet } from "./values.ts";

export type Builder = (args: readonly Value[], machine: Machine) => Value;

const torchTypes: readonly (readonly [storage: string, dtype: string, ours: DType | null, bytes: number])[] = [
  ["Double", "float64", "f64", 8], ["Float", "float32", "f32", 4], ["Half", "float16", "f16", 2], ["BFloat16", "bfloat16", "bf16", 2],
  ["Long", "int64", "i64", 8], ["Int", "int32", "i32", 4], ["Short", "int16", "i16", 2], ["Char", "int8", "i8", 1], ["Byte", "uint8", "u8", 1], ["Bool", "bool", "bool", 1],
  ["ComplexFloat", "complex64", null, 8], ["ComplexDouble", "complex128", null, 16], ["QInt8", "qint8", null, 1], ["QUInt8", "quint8", null, 1], ["QInt32", "qint32", null, 4],
];

/** Bytes of no type yet: the tensor says what they are. */
const untyped = new ElementType("untyped", "u8", 1);

/** Names that stand for a type. */
export const constants: ReadonlyMap<string, ElementType> = new Map([
  ...torchTypes.flatMap(([storage, dtype, ours, bytes]) => {
    const type = new ElementType(dtype, ours, bytes);
    return [`torch ${storage}Storage`, `torch.cuda ${storage}Storage`, `torch ${storage}Tensor`, `torch.cuda ${storage}Tensor`, `torch ${dtype}`].map((path) => [path, type] as const);
  }),
  ...["torch.storage UntypedStorage", "torch UntypedStorage", "torch.storage _UntypedStorage", "torch.cuda UntypedStorage"].map((path) => [path, untyped] as const),
]);

const numpyKinds = new Map<string, DType>([
  ["f8", "f64"], ["f4", "f32"], ["f2", "f16"], ["i8", "i64"], ["i4", "i32"], ["i2", "i16"], ["i1", "i8"], ["u8", "u64"], ["u4", "u32"], ["u2", "u16"], ["u1", "u8"], ["b1", "bool"],
]);

/** A NumPy type from its short name, `f4` or `<f4`. Types that the host has not (text, objects, complex) have a null dtype. */
export function numpyType(name: string): ElementType {
  const [, order = "", kind = "", size = "0"] = /^([<>|=]?)([A-Za-z?])(\d{0,9})/.exec(name) ?? [];
  const dtype = kind === "?" ? "bool" : (numpyKinds.get(kind + size) ?? null);
  return new ElementType(name, dtype, dtype ? elementBytes[dtype] : Number(size), order === ">");
}

const isShape = (value: Value | undefined): value is Tuple => value instanceof Tuple && value.items.every((n) => typeof n === "number");
const numbersOf = (value: Value | undefined, machine: Machine, what: string): number[] =>
  isShape(value) ? (value.items as number[]) : machine.fail(`${what} that is no tuple of numbers. The file is damaged.`);
const numberOf = (value: Value | undefined, machine: Machine, what: string): number => (typeof value === "number" ? value : machine.fail(`${what} that is no number. The file is damaged.`));

/** (storage, offset, size, stride, ...), and for v3 a dtype over untyped bytes. */
function torchTensor([storage, offset, size, stride]: readonly Value[], machine: Machine, dtype?: Value): Value {
  if (!(storage instanceof Storage)) return new Inert("torch tensor without storage", [storage ?? null]);
  const type = dtype instanceof ElementType ? dtype : storage.type;
  if (dtype !== undefined && type.dtype === null) return new Inert(`tensor of ${type.name}`, []);
  const elements = Math.floor((storage.elements * storage.type.bytes) / type.bytes);
  const first = storage.offset * (storage.type.bytes / type.bytes);
  return tensorOf(machine.name, type, {
    shape: numbersOf(size, machine, "a tensor's size"),
    strides: numbersOf(stride, machine, "a tensor's stride"),
    offset: numberOf(offset, machine, "a tensor's offset") + first,
    elements: elements + first,
    data: () => storage.data?.() ?? machine.fail(`storage ${quote(storage.key)} is not in the file.`),
  });
}

/** (type name, align, copy): `f4` for float32. */
const numpyDtype: Builder = ([name]) => {
  const type = typeof name === "string" ? numpyType(name) : new ElementType("unknown", null, 0);
  return new Inert("numpy dtype", [type]);
};

/** A dtype's order arrives by BUILD, as element 1 of its state. */
function typeOf(value: Value | undefined): ElementType {
  if (!(value instanceof Inert) || value.path !== "numpy dtype") return new ElementType("unknown", null, 0);
  const type = value.args[0] as ElementType;
  const order = value.state instanceof Tuple ? value.state.items[1] : undefined;
  return new ElementType(type.name, type.dtype, type.bytes, order === ">");
}

/** Bytes that begin at 0 and end where `bytes` says: decoded whole, for a Latin-1 character may take one byte or two. */
function bytesSource(value: Bytes, bytes: number, machine: Machine): RandomAccess {
  if (!value.latin1) return value.source.size === bytes ? value.source : machine.fail(`an array of ${bytes} bytes has ${value.source.size}. The file is damaged.`);
  if (bytes > value.source.size) machine.fail(`an array of ${bytes} bytes is written in ${value.source.size}. The file is damaged.`);
  const damaged = () => machine.fail(`an array of ${bytes} bytes is not written as that many Latin-1 characters. The file is damaged.`);
  let decoding: Promise<Uint8Array> | null = null;
  const decode = async (): Promise<Uint8Array> => {
    const out = new Uint8Array(bytes);
    let at = 0;
    let high = -1;
    for await (const chunk of chunksOf(value.source)) {
      for (const byte of chunk) {
        if (high >= 0) {
          if ((byte & 0xc0) !== 0x80 || at >= bytes) damaged();
          out[at++] = high | (byte & 0x3f);
          high = -1;
        } else if (byte < 0x80) {
          if (at >= bytes) damaged();
          out[at++] = byte;
        } else if (byte === 0xc2 || byte === 0xc3) {
          high = (byte & 3) << 6;
        } else damaged();
      }
    }
    if (at !== bytes || high >= 0) damaged();
    return out;
  };
  return {
    name: value.source.name,
    size: bytes,
    read: async (offset, length) => {
      checkRange(value.source.name, bytes, offset, length);
      decoding ??= decode();
      const decoded = await decoding;
      decoding = null;
      return decoded.subarray(offset, offset + length);
    },
  };
}

function numpyTensor(type: ElementType, shape: readonly number[], fortran: boolean, data: Value | undefined, machine: Machine): LazyTensor | Inert {
  if (type.dtype === null || !(data instanceof Bytes)) return new Inert(`array of ${type.name}`, []);
  const elements = shape.reduce((product, n) => product * n, 1);
  if (!Number.isSafeInteger(elements * type.bytes) || elements < 0) machine.fail(`an array of shape [${shape.slice(0, 8)}]. The file is damaged.`);
  let stride = 1;
  const strides = fortran ? shape.map((n) => (stride *= n) / (n || 1)) : undefined;
  const source = bytesSource(data, elements * type.bytes, machine);
  return tensorOf(machine.name, type, { shape, elements, data: () => source, ...(strides && elements > 0 ? { strides } : {}) });
}

/** (version, shape, dtype, is_fortran, bytes) into an array under construction. */
export const arrayState: Builder = ([holder, state], machine) => {
  if (!(holder instanceof Holder) || !(state instanceof Tuple) || state.items.length < 5) return machine.fail("an array without state. The file is damaged.");
  const [, shape, dtype, fortran, data] = state.items.slice(-5);
  holder.tensor = numpyTensor(typeOf(dtype), numbersOf(shape, machine, "an array's shape"), fortran === true, textAsBytes(data), machine);
  return holder;
};

/** Byte strings of Python 2 come as text, one character a byte. */
const textAsBytes = (data: Value | undefined): Value | undefined => (typeof data === "string" ? (latin1Bytes(data) ?? data) : data);

function latin1Bytes(text: string): Bytes | null {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return null;
    bytes[i] = code;
  }
  return Bytes.of(bytes);
}

/** (text, "latin1") -> bytes: how Python 3 writes bytes in protocol 2. */
const encode: Builder = ([text, codec], machine) => {
  if (codec !== "latin1" && codec !== "latin-1") return machine.fail(`text in codec ${quote(String(codec))}; only latin1 stands for bytes.`);
  if (text instanceof LongText) return new Bytes(text.utf8, true);
  if (typeof text !== "string") return machine.fail("bytes that are written as something else than text. The file is damaged.");
  machine.charge(text.length >> 6);
  return latin1Bytes(text) ?? machine.fail("bytes with a character above 255. The file is damaged.");
};

/** dill's (_reconstruct, args, state[, attributes]) in one step; JAX writes its arrays so too. */
const createArray: Builder = ([callee, args, state], machine) => {
  if (!(callee instanceof Global) || !(args instanceof Tuple) || !reconstructs.has(callee.path)) return new Inert("array of an unknown kind", [callee ?? null]);
  return arrayState([new Holder("array"), state ?? null], machine);
};

/** (buffer, dtype, shape, order): protocol 5. */
const fromBuffer: Builder = ([data, dtype, shape, order], machine) => numpyTensor(typeOf(dtype), numbersOf(shape, machine, "an array's shape"), order === "F", data, machine);

const scalar: Builder = ([dtype, data], machine) => numpyTensor(typeOf(dtype), [], false, textAsBytes(data), machine);

const orderedDict: Builder = ([pairs], machine) => {
  if (pairs === undefined) return new Map();
  const list = Array.isArray(pairs) ? pairs : pairs instanceof Tuple ? pairs.items : pairs instanceof Map ? [...pairs].map(([k, v]) => new Tuple([k, v])) : null;
  if (!list) return machine.fail("a dict made of something that is no list of pairs. The file is damaged.");
  machine.charge(list.length);
  return machine.fill(new Map(), list.flatMap((pair) => {
    const items = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
    return items.length === 2 ? items : machine.fail("a dict with a pair that is no pair. The file is damaged.");
  }));
};

const itemsOf = (value: Value | undefined, machine: Machine): Value[] => {
  const items = value === undefined ? [] : Array.isArray(value) ? value : value instanceof Tuple || value instanceof ValueSet ? value.items : machine.fail("a list made of something that is no list. The file is damaged.");
  machine.charge(items.length);
  return [...items];
};

/** Haiku's and Flax' immutable maps are pickled as their class applied to one dict. */
const frozenMap: Builder = ([dict], machine) => (dict instanceof Map ? dict : dict === undefined ? new Map() : machine.fail("an immutable map made of something that is no dict. The file is damaged."));

/** A Parameter is its tensor; one of 2016 gets it later, as the first of five values of its state. */
const parameter: Builder = ([tensor]) => tensor ?? new Holder("parameter");
/** A Parameter's BUILD. */
export const parameterState: Builder = ([holder, state]) => {
  const first = state instanceof Tuple && state.items.length === 5 ? state.items[0] : undefined;
  if (holder instanceof Holder && (first instanceof LazyTensor || first instanceof Inert)) holder.tensor ??= first;
  return holder ?? null;
};

/** (function, class, args, state): a tensor with attributes of its own. */
const fromType: Builder = ([callee, , args], machine) => {
  const known = callee instanceof Global && callee.path.startsWith("torch._utils ") ? builders.get(callee.path) : undefined;
  return known && args instanceof Tuple ? known(args.items, machine) : new Inert("tensor of an unknown kind", [callee ?? null]);
};

const namedTuple: Builder = ([name, fields], machine) => {
  const names = fields instanceof Tuple ? fields.items : Array.isArray(fields) ? fields : [];
  if (typeof name !== "string" || !names.every((field) => typeof field === "string")) return machine.fail("a named tuple without names. The file is damaged.");
  machine.charge(names.length);
  return new RecordClass(name, names as string[]);
};

const named = (name: string, build: Builder): (readonly [string, Builder])[] => ["builtins", "__builtin__"].map((module) => [`${module} ${name}`, build]);
const multiarray = ["numpy.core.multiarray", "numpy._core.multiarray"];
const numeric = ["numpy.core.numeric", "numpy._core.numeric"];
const reconstructs = new Set(multiarray.map((module) => `${module} _reconstruct`));

export const builders: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ["collections OrderedDict", orderedDict],
  ["collections defaultdict", () => new Map()],
  ...named("dict", orderedDict),
  ...named("list", ([items], machine) => itemsOf(items, machine)),
  ...named("tuple", ([items], machine) => new Tuple(itemsOf(items, machine))),
  ...named("set", ([items], machine) => new ValueSet(itemsOf(items, machine))),
  ...named("frozenset", ([items], machine) => new ValueSet(itemsOf(items, machine))),
  ...named("bytes", ([data]) => (data instanceof Bytes ? data : Bytes.of(new Uint8Array()))),
  ...named("bytearray", ([data]) => (data instanceof Bytes ? data : Bytes.of(new Uint8Array()))),
  ["torch._utils _rebuild_tensor", torchTensor],
  ["torch._utils _rebuild_tensor_v2", torchTensor],
  ["torch._utils _rebuild_tensor_v3", (args, machine) => torchTensor(args, machine, args[6] ?? null)],
  ["torch._utils _rebuild_parameter", parameter],
  ["torch._utils _rebuild_parameter_with_state", parameter],
  ["torch._tensor _rebuild_from_type_v2", fromType],
  ["torch.nn.parameter Parameter", parameter],
  ["torch Size", ([items], machine) => new Tuple(itemsOf(items, machine))],
  ["torch.Size", ([items], machine) => new Tuple(itemsOf(items, machine))],
  ...multiarray.map((module) => [`${module} _reconstruct`, () => new Holder("array")] as const),
  ...multiarray.map((module) => [`${module} scalar`, scalar] as const),
  ...numeric.map((module) => [`${module} _frombuffer`, fromBuffer] as const),
  ["numpy dtype", numpyDtype],
  ["_codecs encode", encode],
  ...["dill._dill", "dill.dill"].flatMap((module) => [[`${module} _create_array`, createArray], [`${module} _create_namedtuple`, namedTuple]] as const),
  ...["jax._src.array", "jax.array"].map((module) => [`${module} _reconstruct_array`, createArray] as const),
  ...["haiku._src.data_structures", "jax.experimental.haiku"].flatMap((module) => ["frozendict", "FlatMapping", "FrozenDict", "FlatMap"].map((name) => [`${module} ${name}`, frozenMap] as const)),
  ["flax.core.frozen_dict FrozenDict", frozenMap],
]);

/** For named tuples whose class is importable and therefore not in the file: their values in order. */
export const recordValues = (value: Value): readonly Value[] | undefined =>
  value instanceof Record ? [...value.fields.values()] : value instanceof Inert ? value.args : undefined;

