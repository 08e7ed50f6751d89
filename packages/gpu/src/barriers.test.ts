import { expect, it } from "vitest";
import { barriersAreCostly, probeBarriers } from "./barriers.ts";
import { Device, nullDevice } from "./device.ts";
import { openDevice } from "./node.ts";
import type { Profile } from "./profile.ts";

const present = await openDevice().then((d) => (d.close(), true), (error: unknown) => {
  if (process.env.ROENTGEN_REQUIRE_GPU === "1") throw error;
  return false;
});

it("takes the adapter's word for a software driver, and asks no device that has no GPU", async () => {
  expect(await probeBarriers(nullDevice())).toEqual({ measured: null, costly: true });
  const unknown = new Device(null, { ...nullDevice().info, software: false });
  expect(barriersAreCostly(unknown)).toBe(false);
  await expect(probeBarriers(unknown)).rejects.toThrow("this device has no GPU");
});

it.skipIf(!present)("measures what a barrier costs, once, and finds a software driver's costly", async () => {
  const device = await openDevice();
  try {
    const held = device.heldBytes;
    expect(barriersAreCostly(device)).toBe(device.info.software);
    const probe = await probeBarriers(device, { measure: true });
    expect(probe.measured?.withoutUs).toBeGreaterThan(0);
    if (device.info.software) expect(probe.costly).toBe(true);
    expect(barriersAreCostly(device)).toBe(probe.costly);
    expect(await probeBarriers(device)).toBe(probe);
    device.trim();
    expect(device.heldBytes).toBe(held);
  } finally {
    device.close();
  }
});

it.skipIf(!present).each([
  ["asks again where a busy machine blurs it", [[1400, 2300], [2600, 900], [1500, 120]], { withUs: 1400, withoutUs: 120 }, true],
  ["asks no more once barriers are costly", [[1400, 120], [120, 120]], { withUs: 1400, withoutUs: 120 }, true],
  ["believes in the end that they are not", [[40, 20], [22, 20], [25, 30], [24, 21], [21, 20], [20, 1]], { withUs: 21, withoutUs: 20 }, false],
] as const)("%s", async (_, rounds, measured, costly) => {
  const device = await openDevice();
  try {
    const left = [...rounds];
    device.profile = async () => ({ dispatches: left.shift()?.map((us) => ({ leastMs: us / 1e3 })) }) as unknown as Profile;
    const probe = await probeBarriers(device, { measure: true });
    expect(probe.costly).toBe(costly);
    expect(probe.measured?.withUs).toBeCloseTo(measured.withUs);
    expect(probe.measured?.withoutUs).toBeCloseTo(measured.withoutUs);
  } finally {
    device.close();
  }
});
