// Python's pickle, protocols 0 to 5, as plain data. A pickle is a program for a small stack machine, and two of its instructions,
// GLOBAL (name anything importable) and REDUCE (call it), let a file run anything in Python. Here a name is looked up in one
// fixed Map (builders.ts) whose entries return plain data, or becomes an inert node: there is no path from the file to a
// function, constructor or property of the host.
//
// Everything is bounded: instructions, stack, memo, objects and text by the constants below, every length by what is left of the file.
// Nesting costs no recursion. Long strings stay in the file until a tensor made of them is read.
//
// Definition: CPython, Lib/pickletools.py.
import { CheckpointError } from "@roentgen/core";
import { quote } from "../json.ts";
import type { ByteCursor } from "../random-access.ts";
import { arrayState, builders, constants, parameterState } from "./builders.ts";
import { Bytes, type Dict, Global, Holder, Inert, LongText, Record, RecordClass, Tuple, type Value, ValueSet } from "./values.ts";

const mostSteps = 3_000_000;
const mostStack = 1_000_000;
const mostObjects = 500_000;
const mostTextBytes = 64 * 2 ** 20;
/** Longer strings stay in the file. Also the longest line and the longest integer, in bytes. */
const inlineBytes = 4096;
/** At least what one instruction reads at once. */
const lookAhead = 2 * inlineBytes;

export interface UnpickleOptions {
  /** Who speaks in errors. */
  readonly name: string;
  /** What a persistent id stands for (a storage, say). Default: an inert node. */
  readonly persistent?: (id: Value) => Value;
}

/**
 * Runs one pickle, from the cursor's position to its STOP.
 * @throws CheckpointError for anything malformed, for instructions that only other uses of pickle have (extension registry,
 *   out-of-band buffers), and beyond the bounds above
 */
export async function unpickle(cursor: ByteCursor, options: UnpickleOptions): Promise<Value> {
  const machine = new Machine(cursor, options);
  for (;;) {
    if (cursor.low(lookAhead)) await cursor.refill();
    if (machine.step()) return machine.result;
  }
}

export class Machine {
  readonly name: string;
  result: Value = null;
  readonly #cursor: ByteCursor;
  readonly #persistent: (id: Value) => Value;
  #stack: Value[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, Value>();
  #steps = 0;
  #objects = 0;
  #textBytes = 0;

  constructor(cursor: ByteCursor, { name, persistent = (id) => new Inert("persistent id", [id]) }: UnpickleOptions) {
    this.#cursor = cursor;
    this.#persistent = persistent;
    this.name = name;
  }

  fail(what: string): never {
    throw new CheckpointError(`${this.name}: pickle, byte ${this.#cursor.position}: ${what}`);
  }

  /** Counts work that a builder does beyond one step, so that a short file cannot ask for hours. */
  charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > mostSteps) this.fail(`more than ${mostSteps} steps. No checkpoint needs that many.`);
  }

  /** Runs one instruction; true at STOP. */
  step(): boolean {
    this.charge(1);
    const cursor = this.#cursor;
    if (cursor.remaining === 0) this.fail("the file ends before the pickle does. It is cut off.");
    const code = cursor.u8();
    switch (code) {
      case 0x80: return this.#protocol();
      case 0x2e: return this.#stop();
      case 0x95: cursor.take(8); return false; // FRAME: only a hint
      case 0x28: return this.#mark();
      case 0x30: return this.#drop();
      case 0x31: this.#popMark(); return false;
      case 0x32: return this.#push(this.#top());
      case 0x4e: return this.#push(null);
      case 0x88: return this.#push(true);
      case 0x89: return this.#push(false);
      case 0x4a: return this.#push(cursor.i32());
      case 0x4b: return this.#push(cursor.u8());
      case 0x4d: return this.#push(cursor.u16());
      case 0x8a: return this.#push(this.#long(cursor.u8()));
      case 0x8b: return this.#push(this.#long(cursor.i32()));
      case 0x47: return this.#push(cursor.f64BigEndian());
      case 0x49: return this.#push(this.#intLine());
      case 0x4c: return this.#push(this.#integer(this.#line().replace(/L$/, "")));
      case 0x46: return this.#push(this.#floatLine());
      case 0x58: return this.#push(this.#text(cursor.u32()));
      case 0x8c: return this.#push(this.#text(cursor.u8()));
      case 0x8d: return this.#push(this.#text(cursor.u64()));
      case 0x56: return this.#push(this.#unicodeLine());
      case 0x53: return this.#push(this.#quotedLine());
      case 0x55: return this.#push(this.#ascii(cursor.u8()));
      case 0x54: return this.#push(this.#ascii(cursor.i32()));
      case 0x43: return this.#push(this.#bytes(cursor.u8()));
      case 0x42: return this.#push(this.#bytes(cursor.u32()));
      case 0x8e: case 0x96: return this.#push(this.#bytes(cursor.u64()));
      case 0x7d: return this.#push(this.object(new Map()));
      case 0x5d: return this.#push(this.object([]));
      case 0x29: return this.#push(this.object(new Tuple([])));
      case 0x8f: return this.#push(this.object(new ValueSet([])));
      case 0x85: return this.#push(this.object(new Tuple(this.#pop(1))));
      case 0x86: return this.#push(this.object(new Tuple(this.#pop(2))));
      case 0x87: return this.#push(this.object(new Tuple(this.#pop(3))));
      case 0x74: return this.#push(this.object(new Tuple(this.#popMark())));
      case 0x6c: return this.#push(this.object(this.#popMark()));
      case 0x91: return this.#push(this.object(new ValueSet(this.#popMark())));
      case 0x64: { const items = this.#popMark(); return this.#push(this.fill(this.object(new Map()), items)); }
      case 0x73: { const items = this.#pop(2); return this.#setItems(items); }
      case 0x75: return this.#setItems(this.#popMark());
      case 0x61: return this.#append(this.#pop(1));
      case 0x65: case 0x90: return this.#append(this.#popMark());
      case 0x71: return this.#remember(cursor.u8());
      case 0x72: return this.#remember(cursor.u32());
      case 0x70: return this.#remember(this.#index());
      case 0x94: return this.#remember(this.#memo.size);
      case 0x68: return this.#recall(cursor.u8());
      case 0x6a: return this.#recall(cursor.u32());
      case 0x67: return this.#recall(this.#index());
      case 0x63: { const module = this.#line(); return this.#push(this.#global(module, this.#line())); }
      case 0x93: { const [module, name] = this.#pop(2); return this.#push(this.#global(module, name)); }
      case 0x52: case 0x81: { const [callee, args] = this.#pop(2); return this.#push(this.call(callee!, this.#tuple(args))); }
      case 0x92: { const [callee, args] = this.#pop(3); return this.#push(this.call(callee!, this.#tuple(args))); }
      case 0x62: { const [state] = this.#pop(1); return this.#build(this.#top(), state!); }
      case 0x51: { const [id] = this.#pop(1); return this.#push(this.#persistent(id!)); }
      case 0x50: return this.#push(this.#persistent(this.#line()));
      default: return this.fail(`instruction 0x${code.toString(16).padStart(2, "0")} is not one that checkpoints use. The file is damaged or no checkpoint.`);
    }
  }

  /** Counts an object that stays. */
  object<T extends Value>(value: T): T {
    if (++this.#objects > mostObjects) this.fail(`more than ${mostObjects} objects. No checkpoint has that many.`);
    return value;
  }

  /** Keys and values in turn, into a dict. */
  fill(dict: Dict, items: readonly Value[]): Dict {
    if (items.length % 2) this.fail("a dict with a key and no value. The file is damaged.");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
    return dict;
  }

  /** Applies a name to arguments: through the list of builders, or to an inert node. */
  call(callee: Value, args: readonly Value[]): Value {
    if (callee instanceof Global) {
      const builder = builders.get(callee.path);
      return this.object(builder ? builder(args, this) : new Inert(callee.path, args));
    }
    if (callee instanceof RecordClass) {
      if (args.length !== callee.fields.length) this.fail(`a ${quote(callee.name)} of ${args.length} values, its class has ${callee.fields.length} fields. The file is damaged.`);
      return this.object(new Record(callee.name, new Map(callee.fields.map((field, i) => [field, args[i]!]))));
    }
    return this.object(new Inert("something computed", args));
  }

  #push(value: Value): false {
    if (this.#stack.length >= mostStack) this.fail(`more than ${mostStack} values on the stack. No checkpoint needs that many.`);
    this.#stack.push(value);
    return false;
  }

  /** Lowest stack index that may be touched: what lies below the last mark is another instruction's. */
  #pop(count: number): Value[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) this.fail("the stack is empty. The file is damaged or no pickle.");
    return this.#stack.splice(this.#stack.length - count, count);
  }

  #top(): Value {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) this.fail("the stack is empty. The file is damaged or no pickle.");
    return this.#stack.at(-1)!;
  }

  #mark(): false {
    if (this.#marks.length >= mostStack) this.fail(`more than ${mostStack} marks. No checkpoint needs that many.`);
    this.#marks.push(this.#stack.length);
    return false;
  }

  #popMark(): Value[] {
    const mark = this.#marks.pop();
    if (mark === undefined) this.fail("a mark is missing. The file is damaged or no pickle.");
    return this.#stack.splice(mark);
  }

  /** POP takes a mark where one is on top. */
  #drop(): false {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
    else this.#pop(1);
    return false;
  }

  #protocol(): false {
    const version = this.#cursor.u8();
    if (version > 5) this.fail(`protocol ${version}; 0 to 5 are known.`);
    return false;
  }

  #stop(): true {
    [this.result = null] = this.#pop(1);
    if (this.#stack.length > 0 || this.#marks.length > 0) this.fail("the pickle stops with values left over. The file is damaged.");
    return true;
  }

  #remember(index: number): false {
    const value = this.#top();
    if (this.#memo.size >= mostStack) this.fail(`more than ${mostStack} memo entries. No checkpoint needs that many.`);
    this.#memo.set(index, value);
    return false;
  }

  #recall(index: number): false {
    const value = this.#memo.get(index);
    if (value === undefined) this.fail(`memo entry ${index} is missing. The file is damaged.`);
    return this.#push(value);
  }

  #setItems(items: readonly Value[]): false {
    const target = this.#top();
    if (target instanceof Map) this.fill(target, items);
    else if (target instanceof Inert) for (const item of items) target.items.push(item);
    else this.fail("items are set on something that is no dict. The file is damaged.");
    return false;
  }

  #append(items: readonly Value[]): false {
    const target = this.#top();
    const list = Array.isArray(target) ? target : target instanceof ValueSet || target instanceof Inert ? target.items : this.fail("items are appended to something that is no list. The file is damaged.");
    for (const item of items) list.push(item);
    return false;
  }

  #global(module: Value | undefined, name: Value | undefined): Value {
    if (typeof module !== "string" || typeof name !== "string") this.fail("a name that is no text. The file is damaged.");
    const path = `${module} ${name}`;
    return constants.get(path) ?? this.object(new Global(path));
  }

  #tuple(value: Value | undefined): readonly Value[] {
    return value instanceof Tuple ? value.items : this.fail("arguments that are no tuple. The file is damaged.");
  }

  /** BUILD: state for the object on top of the stack. Only a few objects take any notice. */
  #build(target: Value, state: Value): false {
    if (target instanceof Holder) {
      (target.kind === "array" ? arrayState : parameterState)([target, state], this);
    } else if (target instanceof Inert) {
      target.state = state;
    }
    return false;
  }

  #line(): string {
    return this.#cursor.line(inlineBytes);
  }

  #index(): number {
    const line = this.#line();
    return /^\d{1,10}$/.test(line) ? Number(line) : this.fail("a memo index that is no number. The file is damaged.");
  }

  #integer(digits: string): number | bigint {
    if (!/^-?\d{1,1300}$/.test(digits)) this.fail(`${quote(digits)} is no whole number. The file is damaged.`);
    return narrow(BigInt(digits));
  }

  /** Protocol 0 writes booleans as 00 and 01. */
  #intLine(): Value {
    const line = this.#line();
    return line === "00" ? false : line === "01" ? true : this.#integer(line.replace(/L$/, ""));
  }

  #floatLine(): number {
    const line = this.#line();
    const named = namedNumbers.get(line);
    if (named === undefined && !/^-?\d*\.?\d+(?:\.?[eE][+-]?\d+)?\.?$/.test(line)) this.fail(`${quote(line)} is no number. The file is damaged.`);
    return named ?? Number(line);
  }

  /** Two's complement, little-endian. */
  #long(bytes: number): number | bigint {
    if (bytes < 0 || bytes > 512) this.fail(`an integer of ${bytes} bytes. The file is damaged.`);
    const taken = this.#cursor.take(bytes);
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(taken[i]!);
    return narrow(BigInt.asIntN(8 * bytes, value));
  }

  #checkLength(bytes: number): void {
    if (bytes < 0 || bytes > this.#cursor.remaining) this.fail(`a string of ${bytes} bytes, ${this.#cursor.remaining} are left. The file is cut off or damaged.`);
  }

  #countText(bytes: number): void {
    this.#textBytes += bytes;
    if (this.#textBytes > mostTextBytes) this.fail(`more than ${mostTextBytes} bytes of text. No checkpoint needs that much.`);
  }

  #text(bytes: number): string | LongText {
    this.#checkLength(bytes);
    if (bytes > inlineBytes) return this.object(new LongText(this.#cursor.skip(bytes)));
    this.#countText(bytes);
    try {
      return utf8.decode(this.#cursor.take(bytes));
    } catch {
      return this.fail("text that is not UTF-8. The file is damaged.");
    }
  }

  /** A byte string of Python 2, which is what text was there. Bytes beyond ASCII are kept, one character each. */
  #ascii(bytes: number): string | Bytes {
    this.#checkLength(bytes);
    if (bytes > inlineBytes) return this.object(new Bytes(this.#cursor.skip(bytes)));
    this.#countText(bytes);
    return String.fromCharCode(...this.#cursor.take(bytes));
  }

  #bytes(bytes: number): Bytes {
    this.#checkLength(bytes);
    if (bytes > inlineBytes) return this.object(new Bytes(this.#cursor.skip(bytes)));
    this.#countText(bytes);
    return this.object(Bytes.of(this.#cursor.take(bytes).slice()));
  }

  /** Raw-unicode-escape: characters up to 255 as they are, others as \uXXXX or \UXXXXXXXX. */
  #unicodeLine(): string {
    return this.#line().replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) => {
      const code = Number.parseInt(short ?? long ?? "", 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : this.fail("a character beyond Unicode. The file is damaged.");
    });
  }

  /** Python's repr of a byte string. */
  #quotedLine(): string {
    const line = this.#line();
    const inner = /^(['"])(.*)\1$/s.exec(line)?.[2] ?? this.fail("a string without quotes. The file is damaged.");
    return inner.replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, escape: string) => {
      if (escape.length === 3) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
      return escapes.get(escape) ?? escape;
    });
  }
}

const namedNumbers = new Map([["nan", Number.NaN], ["inf", Infinity], ["-inf", -Infinity]]);
const escapes = new Map([["n", "\n"], ["r", "\r"], ["t", "\t"]]);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A plain number where it is exact. */
const narrow = (value: bigint): number | bigint => (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value);
