import { expect, it } from "vitest";
import { barriersAreCostly, probeBarriers } from "./barriers.ts";
import { Device, nullDevice } from "./device.ts";
import { openDevice } from "./node.ts";

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
