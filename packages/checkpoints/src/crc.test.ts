import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32, crc32c, maskCrc32c, portableCrc32 } from "./crc.ts";

const digits = new TextEncoder().encode("123456789");

it("gives the check values of both polynomials", () => {
  expect([crc32(digits), portableCrc32(digits), crc32c(digits)]).toEqual([0xcbf43926, 0xcbf43926, 0xe3069283]);
  expect([crc32(new Uint8Array()), portableCrc32(new Uint8Array()), crc32c(new Uint8Array())]).toEqual([0, 0, 0]);
});

it("masks as LevelDB does", () => {
  expect(maskCrc32c(0)).toBe(0xa282ead8);
  expect(maskCrc32c(0xffffffff)).toBe(0xa282ead7);
});

it("agrees with the platform's, whole or in two stretches", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
      const [a, b] = [bytes.subarray(0, at), bytes.subarray(at)];
      expect(portableCrc32(bytes)).toBe(crc32(bytes));
      expect(portableCrc32(b, portableCrc32(a))).toBe(crc32(bytes));
      expect(crc32c(b, crc32c(a))).toBe(crc32c(bytes));
    }),
    { seed: 5, numRuns: 500 },
  );
});
