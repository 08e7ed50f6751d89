// What an op's test file calls. Only this file knows vitest, Node and fast-check: the cases themselves also run in a browser.

import type { Device } from "@roentgen/gpu";
import { adapterInfo, openDevice } from "@roentgen/gpu/node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpCase, runCase, withoutHalf } from "./op-case.ts";

const needed = process.env.ROENTGEN_REQUIRE_GPU === "1";
const present = await openDevice().then((device) => (device.close(), true), (error: unknown) => {
  if (needed) throw error;
  return false;
});

/** What the adapter offers in Dawn's native mode, features that are not in the standard among it. */
export const nativeAdapter = present ? await adapterInfo({ native: true }) : null;

export interface WithDevice {
  readonly native?: boolean;
  /** Whether the adapter offers what these tests are about; they say skipped where not. */
  readonly offered?: boolean;
}

/** Runs tests with a device of their own; without an adapter they say skipped, or fail where ROENTGEN_REQUIRE_GPU=1. */
export function withDevice(name: string, tests: (device: () => Device) => void, { native = false, offered = true }: WithDevice = {}): void {
  describe.skipIf(!present || !offered)(name, () => {
    let device: Device | undefined;
    beforeAll(async () => {
      device = await openDevice({ native });
    });
    afterAll(() => device?.close());
    tests(() => device as Device);
  });
}

export interface RandomCases {
  readonly arbitrary: fc.Arbitrary<OpCase>;
  readonly runs?: number;
  readonly seed?: number;
}

/**
 * Every named case thoroughly, and at least 200 random ones; fast-check shrinks what fails. A case with f16 inputs runs on the device
 * as it is and as one that lacks shader-f16.
 */
export function checkOp(name: string, cases: readonly OpCase[], random?: RandomCases): void {
  withDevice(name, (device) => {
    it.each(cases.map((c) => [c.name, c] as const))("agrees with the float64 reference: %s", async (_, test) => {
      expect(await runCase(device(), test)).toEqual([]);
      if (test.inputs.some(({ dtype }) => dtype === "f16")) expect(await runCase(withoutHalf(device()), test)).toEqual([]);
    });
    if (!random) return;
    it(`agrees with the float64 reference on ${random.runs ?? 200} random cases`, async () => {
      await fc.assert(
        fc.asyncProperty(random.arbitrary, async (test) => {
          expect(await runCase(device(), { ...test, thorough: false })).toEqual([]);
        }),
        { numRuns: random.runs ?? 200, seed: random.seed ?? 1 },
      );
    });
  });
}
