export { alignTo, Buffer, buffersIn, partAlignment } from "./buffer.ts";
export { Device, type DeviceInfo, type DeviceOptions, type LaunchOptions, nullDevice, type Recording } from "./device.ts";
export { type Dispatch, flatGrid, type Grid, maxGroups } from "./dispatch.ts";
export { readableBytes } from "./failure.ts";
export type { MemoryMap, Tenant } from "./memory-map.ts";
export { firstNonFinite } from "./non-finite.ts";
export { type BuildProgress, Plan } from "./plan.ts";
export { assignSlots, liveRanges, peakLive, type Range, type Slots } from "./planner.ts";
export { type DispatchTiming, type Profile } from "./profile.ts";
