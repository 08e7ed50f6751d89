// A JSON reader for files from outside. `JSON.parse` is not enough for two reasons: of two equal keys it silently keeps the
// last, so that two readers of one file can see different tensors; and it puts keys on an object, where `__proto__` is not a
// key like any other. Here objects are Maps, a repeated key is an error, and depth and number of values are bounded.
import { CheckpointError } from "@roentgen/core";

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export type JsonObject = Map<string, JsonValue>;

export interface JsonOptions {
  /** Who speaks in errors. */
  name: string;
  /** `counts`: every number must be written as plain digits and be at most 2^53 - 1 (sizes and offsets). */
  numbers?: "any" | "counts";
}

const maxDepth = 64;
/** About a hundred times what the largest published models need; keeps a 100 MB text of `[0,0,...` from becoming gigabytes. */
const maxValues = 2_000_000;
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** A name from a file as errors print it: quoted, escaped, at most 80 characters. */
export const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);

/**
 * Reads one JSON text (RFC 8259). Objects come back as Maps in file order.
 * @throws CheckpointError for anything RFC 8259 does not allow, a key that appears twice in one object, a string with half a
 *   surrogate pair, nesting deeper than 64, more than two million values, and numbers outside `numbers`
 */
export function parseJson(text: string, { name, numbers = "any" }: JsonOptions): JsonValue {
  let at = 0;
  let values = 0;
  const value = readValue(0);
  skipSpace();
  if (at !== text.length) fail("the end");
  return value;

  function fail(expected: string): never {
    const came = at < text.length ? quote(text.slice(at, at + 20)) : "the end of the text";
    throw new CheckpointError(`${name}: expected ${expected} at character ${at}, got ${came}. The file is damaged or not what it claims to be.`);
  }

  function skipSpace(): void {
    for (let c = text.charCodeAt(at); c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = text.charCodeAt(at)) at++;
  }

  /** Skips space, then takes `character` if it comes next. */
  function take(character: string): boolean {
    skipSpace();
    if (text[at] !== character) return false;
    at++;
    return true;
  }

  function readValue(depth: number): JsonValue {
    if (depth > maxDepth) fail(`at most ${maxDepth} levels of nesting`);
    if (++values > maxValues) fail(`at most ${maxValues} values`);
    skipSpace();
    switch (text[at]) {
      case "{": return readObject(depth);
      case "[": return readArray(depth);
      case '"': return readString();
      case "t": return readWord("true", true);
      case "f": return readWord("false", false);
      case "n": return readWord("null", null);
      default: return readNumber();
    }
  }

  function readObject(depth: number): JsonObject {
    const object: JsonObject = new Map();
    at++;
    if (take("}")) return object;
    do {
      skipSpace();
      const start = at;
      const key = readString();
      if (object.has(key)) {
        at = start;
        fail(`each key once (${quote(key)} is there twice)`);
      }
      if (!take(":")) fail('":"');
      object.set(key, readValue(depth + 1));
    } while (take(","));
    if (!take("}")) fail('"," or "}"');
    return object;
  }

  function readArray(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    at++;
    if (take("]")) return items;
    do items.push(readValue(depth + 1));
    while (take(","));
    if (!take("]")) fail('"," or "]"');
    return items;
  }

  function readString(): string {
    if (text[at] !== '"') fail("a string");
    const start = at++;
    let plain = true;
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === 0x22) break;
      if (Number.isNaN(c) || c < 0x20) fail("the end of a string");
      if (c === 0x5c) {
        plain = false;
        at++;
      }
      at++;
    }
    at++;
    const string = plain ? text.slice(start + 1, at - 1) : unescape(start);
    if (/\p{Surrogate}/u.test(string)) {
      at = start;
      fail("a string of whole characters (this one has half a surrogate pair)");
    }
    return string;
  }

  /** A single string literal has no keys, so here JSON.parse is exact. */
  function unescape(start: number): string {
    try {
      return JSON.parse(text.slice(start, at)) as string;
    } catch {
      at = start;
      return fail("a string with valid escapes");
    }
  }

  function readWord<T extends JsonValue>(word: string, meaning: T): T {
    if (!text.startsWith(word, at)) fail("a value");
    at += word.length;
    return meaning;
  }

  function readNumber(): number {
    numberPattern.lastIndex = at;
    const digits = numberPattern.exec(text)?.[0];
    if (digits === undefined) fail("a value");
    const number = Number(digits);
    if (numbers === "counts" && !(/^[0-9]+$/.test(digits) && Number.isSafeInteger(number))) fail("a whole number from 0 to 2^53 - 1");
    at += digits.length;
    return number;
  }
}
