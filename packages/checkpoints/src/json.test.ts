import { CheckpointError } from "@roentgen/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonValue, parseJson, quote } from "./json.ts";

/** Maps back to objects whose keys are all own properties, `__proto__` included. */
const plain = (value: JsonValue): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  return value;
};

describe("parseJson", () => {
  it("agrees with JSON.parse on whatever JSON.stringify writes, with and without spaces", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme", maxDepth: 5 }), fc.constantFrom(undefined, 2, "\t"), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(plain(parseJson(text, { name: "test" }))).toEqual(JSON.parse(text));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it("accepts nothing that JSON.parse refuses", () => {
    const pieces = fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "a", "\\", "\\u00e9", "1", "-", "0", ".", "e", "true", "null", " ", "\n", "\u0001");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (words) => {
        const text = words.join("");
        let parsed: JsonValue;
        try {
          parsed = parseJson(text, { name: "test" });
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
          return;
        }
        expect(plain(parsed)).toEqual(JSON.parse(text));
      }),
      { seed: 2, numRuns: 20_000 },
    );
  });

  it("keeps __proto__ as a key like any other", () => {
    const object = parseJson('{"__proto__": {"polluted": true}, "constructor": 1}', { name: "test" }) as Map<string, JsonValue>;
    expect([...object.keys()]).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([
    ["a repeated key", '{"a": 1, "b": 2, "a": 3}', 'expected each key once ("a" is there twice) at character 17, got "\\"a\\": 3}".'],
    ["a repeated key behind an escape", '{"a": 1, "\\u0061": 3}', 'each key once ("a" is there twice)'],
    ["half a surrogate pair", '["\\ud800"]', "a string of whole characters"],
    ["nesting without end", "[".repeat(100_000), "at most 64 levels of nesting at character 65"],
    ["values without end", `[${"0,".repeat(2_000_000)}0]`, "at most 2000000 values"],
    ["text after the value", "{} {}", 'expected the end at character 3, got "{}".'],
    ["an empty text", "", "expected a value at character 0, got the end of the text."],
    ["a comma too many", "[1,]", 'expected a value at character 3, got "]".'],
    ["a string without end", '["abc', "expected the end of a string at character 5, got the end of the text."],
    ["a string that ends in a backslash", '["abc\\', "expected the end of a string"],
    ["a leading zero", "01", 'expected the end at character 1, got "1".'],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseJson(text, { name: "test" })).toThrowError(message);
    expect(() => parseJson(text, { name: "test" })).toThrowError(CheckpointError);
  });

  it.each(["-1", "-0", "1.0", "1e3", "9007199254740992"])("refuses %s as a count", (text) => {
    expect(() => parseJson(text, { name: "test", numbers: "counts" })).toThrowError("a whole number from 0 to 2^53 - 1");
  });

  it("accepts counts up to 2^53 - 1", () => {
    expect(parseJson("[0, 9007199254740991]", { name: "test", numbers: "counts" })).toEqual([0, 2 ** 53 - 1]);
  });
});

it("quotes at most 80 characters of a name and escapes them", () => {
  expect(quote('a"\n')).toBe('"a\\"\\n"');
  expect(quote("x".repeat(1000))).toBe(`"${"x".repeat(80)}..."`);
});
