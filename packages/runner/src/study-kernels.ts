// Which kernels a study computes with. Another choice of kernels rounds otherwise, so a study keeps the one it began with: a tuning
// made between two runs of it changes no bit of what is left to do.

import type { Device } from "@roentgen/gpu";
import { useTuning, type Winners } from "@roentgen/tensor";
import type { Store } from "./store.ts";

const file = "kernels.json";

/** Uses the choice that the store keeps for this adapter, else the one that is made now, which is kept from now on. Returns what is used. */
export async function keepKernels(store: Store, device: Device, choose: () => Promise<Winners>): Promise<Winners> {
  const adapter = device.info.description || device.info.device;
  const kept = keptFor(adapter, await store.read(file));
  const winners = kept ?? (await choose());
  if (!kept) await store.write(file, new TextEncoder().encode(`${JSON.stringify({ adapter, winners: Object.fromEntries(winners) }, null, 1)}\n`));
  useTuning(device, winners);
  return winners;
}

function keptFor(adapter: string, bytes: Uint8Array | null): Winners | null {
  if (!bytes) return null;
  try {
    const { adapter: of, winners } = JSON.parse(new TextDecoder().decode(bytes)) as { adapter: unknown; winners: unknown };
    if (of !== adapter || typeof winners !== "object" || winners === null) return null;
    const entries = Object.entries(winners as Record<string, unknown>).filter((entry): entry is [string, string] => typeof entry[1] === "string");
    return new Map(entries);
  } catch {
    return null; // A file that is no JSON was not written by us: another choice replaces it.
  }
}
