import { finite } from "@roentgen/kernels";
import type { TypedArray } from "@roentgen/core";
import { Commands } from "./commands.ts";
import type { Device } from "./device.ts";
import { flatGrid } from "./dispatch.ts";
import type { Plan } from "./plan.ts";

/**
 * Debug replay: runs a plan one dispatch at a time and looks at everything each one wrote.
 *
 * @returns the label of the first dispatch that wrote a NaN or an infinity into an f32 or f16 buffer, or null
 */
export async function firstNonFinite(device: Device, plan: Plan, inputs: readonly (TypedArray | ArrayBufferView)[]): Promise<string | null> {
  const { gpu } = device;
  if (!gpu) return null;
  await plan.build();
  for (const [i, data] of inputs.entries()) if (plan.inputs[i]) device.write(plan.inputs[i], data);
  const flags = device.allocPersistent(4 * plan.dispatches.length, "finite flags");
  device.write(flags, new Uint32Array(plan.dispatches.length));
  for (const [slot, { kernel, buffers }] of plan.dispatches.entries()) {
    const commands = new Commands(gpu.createCommandEncoder());
    plan.encode(commands, undefined, slot, slot + 1);
    gpu.queue.submit([commands.finish()]);
    for (const [j, { element, access }] of kernel.bindings.entries()) {
      const x = buffers[j];
      if (!x || (element !== "f32" && element !== "f16") || access !== "read_write") continue;
      device.dispatch(element === "f16" ? finite.checkHalf : finite.check, { x, flags }, { n: x.bytes / 4, slot }, flatGrid(x.bytes / 4, finite.check.overrides.WORKGROUP));
    }
    device.flush();
  }
  const found = new Uint32Array(await device.read(flags)).indexOf(1);
  device.dispose(flags);
  return found < 0 ? null : (plan.dispatches[found]?.label ?? null);
}
