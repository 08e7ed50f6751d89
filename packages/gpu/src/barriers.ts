// Whether workgroup barriers are dear on a device. Kernels that tile through workgroup memory wait at barriers; where a driver
// computes on the CPU, each suspends every thread of the group, and kernels without barriers win by far. Names tell most drivers; any
// other is asked in a few milliseconds when a device is opened on it (open.ts).

import { DeviceError } from "@roentgen/core";
import { barrierProbe, barrierProbeFree } from "@roentgen/kernels";
import type { Device } from "./device.ts";
import { Plan } from "./plan.ts";

export interface BarrierProbe {
  /** Microseconds of the same work with barriers and without, best of a few; null where the adapter's name said enough. */
  readonly measured: { readonly withUs: number; readonly withoutUs: number } | null;
  readonly costly: boolean;
}

const groupCount = 32;
const threads = 64;
const turns = 64;
const repeats = 3;
/** On a busy machine the kernel without barriers, being short, may lose the processor in all repeats; both minima only get truer. */
const mostRounds = 5;
/** A GPU takes little longer with barriers; lavapipe, 25 to 30 times. Measured by the wall, waiting hides some. */
const costlyFrom = 3;

const known = new WeakMap<Pick<Device, "info">, BarrierProbe>();

/** What is known: the probe's answer where it ran, else whether the driver is a software one. */
export const barriersAreCostly = (device: Pick<Device, "info">): boolean => known.get(device)?.costly ?? device.info.software;

/**
 * Finds out, once a device, whether barriers are costly: by the adapter's name for software drivers, else by timing two small
 * kernels (5 to 20 ms and the compilation of both). From then on `barriersAreCostly` knows.
 *
 * @param options.measure  time the kernels whatever the adapter is called
 * @throws DeviceError on a device without a GPU, where it would have to be measured
 */
export async function probeBarriers(device: Device, { measure = false } = {}): Promise<BarrierProbe> {
  const before = known.get(device);
  if (before && (before.measured || !measure)) return before;
  const probe = measure || !device.info.software ? await timed(device) : { measured: null, costly: true };
  known.set(device, probe);
  return probe;
}

async function timed(device: Device): Promise<BarrierProbe> {
  if (!device.gpu) throw new DeviceError("barriers cannot be timed: this device has no GPU, it only records and plans. Open one with openDevice().");
  const plan = new Plan(device, device.record("barrier probe", [], () => {
    for (const { forward } of [barrierProbe, barrierProbeFree]) device.dispatch(forward, { y: device.alloc(4 * groupCount * threads, "y") }, { turns }, [groupCount, 1, 1]);
  }));
  try {
    // Some drivers compile when a kernel first runs.
    plan.run();
    let withUs = Infinity;
    let withoutUs = Infinity;
    for (let round = 0; round < mostRounds && !(withUs > costlyFrom * withoutUs); round++) {
      const [barriers, free] = (await device.profile(plan, { repeats })).dispatches.map((d) => 1e3 * d.leastMs);
      withUs = Math.min(withUs, barriers ?? 0);
      withoutUs = Math.min(withoutUs, free ?? 0);
    }
    return { measured: { withUs, withoutUs }, costly: withUs > costlyFrom * withoutUs };
  } finally {
    plan.dispose();
  }
}
