import { arch, cpus, platform, release, totalmem } from "node:os";
import { exitCodes } from "../failure.ts";
import { type VulkanFacts, vulkanFacts } from "../driver-files.ts";
import { version } from "../program.ts";

export interface DoctorOptions {
  readonly json?: boolean;
  readonly adapter?: string;
  readonly native?: boolean;
}

/** All that `roentgen doctor` finds. */
export interface Diagnosis {
  readonly roentgen: string;
  readonly node: string;
  readonly system: string;
  readonly processors: string;
  /** Null off Linux, where the system brings its own driver. */
  readonly vulkan: VulkanFacts | null;
  /** Null where there is none; `problems` says why. */
  readonly adapter: (Adapter & { readonly limits: Readonly<Record<string, number>> }) | null;
  /** What workgroup barriers cost here, measured; null without an adapter, or where it failed. */
  readonly barriers: BarrierProbe | null;
  /** What it can do at its best, measured; null likewise. */
  readonly ceilings: Ceilings | null;
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly what: string;
  /** What to do, as a command where there is one. */
  readonly fix: string;
  /** Without an adapter that computes nothing runs; other problems only cost something. */
  readonly fatal: boolean;
}

type DeviceFlags = Pick<DoctorOptions, "adapter" | "native">;
type Adapter = import("@roentgen/gpu").DeviceInfo;
type BarrierProbe = import("@roentgen/gpu").BarrierProbe;
type Ceilings = import("@roentgen/gpu").Ceilings;

/** `roentgen doctor`: prints what there is and what is missing; fails if there is no adapter, or one that fails. */
export async function doctor({ json = false, ...flags }: DoctorOptions): Promise<void> {
  const found = await diagnose(flags);
  process.stdout.write(`${json ? JSON.stringify(found, null, 2) : formatDiagnosis(found)}\n`);
  if (found.problems.some((p) => p.fatal)) process.exitCode = exitCodes.failed;
}

export async function diagnose(flags: DeviceFlags): Promise<Diagnosis> {
  const linux = platform() === "linux";
  const vulkan = linux ? vulkanFacts() : null;
  const processors = cpus();
  const { adapter, barriers, ceilings, why } = await findAdapter(flags);
  return {
    roentgen: version,
    node: process.version,
    system: `${platform()} ${arch()}, ${release()}`,
    processors: `${processors.length} x ${processors[0]?.model.trim() || "unknown"}, ${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    vulkan,
    adapter,
    barriers,
    ceilings,
    problems: problemsOf({ node: process.versions.node, vulkan, adapter, why }),
  };
}

interface Found extends Pick<Diagnosis, "adapter" | "barriers" | "ceilings"> {
  /** Why there is no adapter, or why it could not be measured. */
  readonly why: string;
}

async function findAdapter(flags: DeviceFlags): Promise<Found> {
  let found: Found = { adapter: null, barriers: null, ceilings: null, why: "" };
  try {
    // Imported here, because loading Dawn itself is one of the things that can fail.
    const [{ adapterInfo, openDevice }, { measureCeilings, probeBarriers }] = await Promise.all([import("@roentgen/gpu/node"), import("@roentgen/gpu")]);
    found = { ...found, adapter: await adapterInfo(flags) };
    const device = await openDevice(flags);
    try {
      found = { ...found, barriers: await probeBarriers(device, { measure: true }) };
      return { ...found, ceilings: await measureCeilings(device) };
    } finally {
      device.close();
    }
  } catch (error) {
    return { ...found, why: (error instanceof Error ? error.message : String(error)).replace(/\.$/, "") };
  }
}

/** What is missing, worst first. */
export function problemsOf({ node, vulkan, adapter, why }: { node: string; vulkan: VulkanFacts | null; adapter: Adapter | null; why: string }): Problem[] {
  const problems: Problem[] = [];
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) problems.push({ what: `Node ${node} is too old; 20.19 or newer is needed`, fix: "install Node 20.19 or newer", fatal: true });
  if (!adapter) {
    const used = vulkan?.drivers.filter((driver) => driver.used) ?? [];
    if (/cannot find (module|package)/i.test(why)) problems.push({ what: `Dawn cannot be loaded: ${why}`, fix: "npm ci", fatal: true });
    else if (/^no adapter named/.test(why)) problems.push({ what: why, fix: "leave out --adapter, or give part of a name that is offered", fatal: true });
    else if (vulkan?.missing.length) problems.push({ what: `VK_DRIVER_FILES names ${vulkan.missing.join(", ")}, which is not there`, fix: "unset VK_DRIVER_FILES", fatal: true });
    else if (vulkan && !vulkan.loader) problems.push({ what: "no Vulkan loader (libvulkan.so.1)", fix: "npm start -- doctor", fatal: true });
    else if (vulkan && used.length === 0) problems.push({ what: "no Vulkan driver", fix: "npm start -- doctor", fatal: true });
    else if (vulkan) problems.push({ what: `Dawn accepts none of the drivers (${used.map((d) => d.path).join(", ")}): ${why}`, fix: "npm start -- doctor", fatal: true });
    else problems.push({ what: why, fix: "update the system's graphics driver", fatal: true });
    return problems;
  }
  if (why) problems.push({ what: `the adapter failed when it was measured: ${why}`, fix: "try again with nothing else on the GPU; if it stays, update its driver", fatal: true });
  if (adapter.software && vulkan && vulkan.devices.length > 0) {
    problems.push({ what: `there is a GPU (${vulkan.devices.join(", ")}), but the adapter is a software one`, fix: "install the GPU's Vulkan driver, or unset VK_DRIVER_FILES", fatal: false });
  }
  if (!adapter.features.includes("timestamp-query")) problems.push({ what: "no timestamp-query: `roentgen profile` must time by the host's clock, which is slow", fix: "another adapter", fatal: false });
  return problems;
}

/** The limits that decide what fits. */
const shownLimits = ["maxBufferSize", "maxStorageBufferBindingSize", "maxStorageBuffersPerShaderStage", "maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupsPerDimension"] as const;

export function formatDiagnosis({ roentgen, node, system, processors, vulkan, adapter, barriers, ceilings, problems }: Diagnosis): string {
  const lines: (readonly [string, string])[] = [["roentgen", roentgen], ["node", node], ["system", system], ["processors", processors]];
  if (vulkan) {
    lines.push(["Vulkan loader", vulkan.loader ?? "none"]);
    lines.push(["GPU devices", vulkan.devices.join(", ") || "none"]);
    for (const { path, library, apiVersion, used } of vulkan.drivers) lines.push(["driver file", `${path} (${library ?? "unreadable"}${apiVersion ? `, Vulkan ${apiVersion}` : ""})${used ? "" : ", not used"}`]);
    if (vulkan.drivers.length === 0) lines.push(["driver file", "none"]);
  }
  if (adapter) {
    lines.push(["adapter", adapter.description || adapter.device]);
    lines.push(["vendor", [adapter.vendor, adapter.architecture, adapter.device].filter(Boolean).join(", ") || "not said"]);
    lines.push(["kind", adapter.software ? "software: computes on the processor" : "GPU"]);
    lines.push(["subgroups", adapter.subgroupSize > 0 ? `of ${adapter.subgroupSize}` : "none, or of several sizes"]);
    lines.push(["features", adapter.features.join(" ") || "none"]);
    lines.push(["Dawn toggles", adapter.toggles.join(" ") || "none"]);
    if (barriers?.measured) lines.push(["barriers", `${barriers.costly ? "costly" : "cheap"}: ${(barriers.measured.withUs / barriers.measured.withoutUs).toPrecision(2)} times slower with them`]);
    if (ceilings) lines.push(["at its best", bestOf(ceilings)]);
    for (const name of shownLimits) if (adapter.limits[name] !== undefined) lines.push([name, readable(name, adapter.limits[name])]);
  } else lines.push(["adapter", "none"]);
  const widest = Math.max(...lines.map(([name]) => name.length));
  const found = lines.map(([name, value]) => `${name.padEnd(widest)}  ${value}`).join("\n");
  const verdict = problems.length === 0 ? "Nothing is missing." : problems.map(({ what, fix }) => `Problem: ${what}.\n  To fix it: ${fix}`).join("\n");
  return `${found}\n\n${verdict}`;
}

const readable = (name: string, value: number): string => (/Size$/.test(name) && value >= 2 ** 20 ? `${value} (${(value / 2 ** 20).toFixed(0)} MiB)` : String(value));

const bestOf = ({ gflopPerSecond, halfGflopPerSecond, gigabytesPerSecond, launchMs, doubts }: Ceilings): string =>
  `${gflopPerSecond.toFixed(1)} GFLOP/s in f32${halfGflopPerSecond === null ? "" : `, ${halfGflopPerSecond.toFixed(1)} in f16`}; ${gigabytesPerSecond.toFixed(1)} GB/s copied; ${(1000 * launchMs).toFixed(1)} µs an empty dispatch${doubts.length > 0 ? ` (doubtful: ${doubts.join("; ")})` : ""}`;
