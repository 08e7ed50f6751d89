// Asks Dawn for an adapter and a device, prints what came as one line of JSON, and exits: 0 with an adapter, 1 without.
// A process of its own, because a Vulkan loader reads its environment once and a broken driver may crash.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./places.mjs";

const require = createRequire(join(root, "packages/gpu/package.json"));
const { create, globals } = await import(pathToFileURL(require.resolve("webgpu")).href);
Object.assign(globalThis, globals);
const gpu = create([]);
const adapter = await gpu.requestAdapter();
const device = await adapter?.requestDevice();
if (adapter && device) {
  const { vendor, architecture, description, device: name } = adapter.info;
  process.stdout.write(`${JSON.stringify({ vendor, architecture, device: name, description })}\n`);
}
// Exits at once: tearing Dawn down can take longer than the question did.
process.exit(adapter && device ? 0 : 1);
