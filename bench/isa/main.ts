// npm run isa: what a GPU's compiler makes of the kernels of a training step, on a machine without that GPU.

import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ConfigError } from "@roentgen/core";
import type { Wanted } from "./compile.ts";
import { type Compiled, kernelsOf } from "./listing.ts";

const help = `Usage: npm run isa -- [options] [resnet50 | unet | families]

compile the kernels of a training step for an AMD GPU that need not be there, and show what its compiler makes of them: registers,
what spills, workgroup memory (LDS), waves that fit a SIMD, and how much of the block with most multiply-adds is anything else. It needs Mesa's driver for AMD (on Debian in
mesa-vulkan-drivers) and a C compiler; nothing runs. "families" is every family of kernels on ResNet-50's convolutions.

Options:
  --batch <n>        images at a time (default: 32)
  --size <pixels>    height and width (default: 224)
  --mixed            store images and filters in f16
  --native           Dawn without its checks, as --native elsewhere
  --gpu <name>       as Mesa calls it: navi31, navi21, vega20 (default: navi31)
  --only <regex>     kernels whose name and constants match
  --asm <file>       also write the machine code
  --json             print it all as JSON

Examples:
  npm run isa -- --only tiled
  npm run isa -- families --only "tiled.*backward_x"
  npm run isa -- --mixed --native --only "conv2d.matrix" --asm matrix.s
`;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Builds the driver in `folder`. Returns its manifest. */
function driverIn(folder: string): string {
  const library = join(folder, "libvulkan_nowhere.so");
  const { status, error, stderr } = spawnSync(process.env.CC ?? "cc", ["-shared", "-fPIC", "-O1", "-o", library, here("driver.c"), "-ldl"], { encoding: "utf8" });
  if (error || status !== 0) throw new ConfigError(`the driver's shim did not compile: ${error?.message ?? stderr}. Install a C compiler (on Debian \`apt-get install gcc libc6-dev\`), or name one in CC.`);
  const manifest = join(folder, "nowhere.json");
  writeFileSync(manifest, JSON.stringify({ file_format_version: "1.0.1", ICD: { library_path: library, api_version: "1.3.0" } }));
  return manifest;
}

/** Compiles what is wanted for a GPU in a process of its own, whose standard error is the driver's listing. */
export function compiled(wanted: Wanted, gpu: string): { readonly adapter: string; readonly device: string; readonly dispatches: number; readonly kernels: Compiled[] } {
  const folder = mkdtempSync(join(tmpdir(), "roentgen-isa-"));
  try {
    const env = { ...process.env, VK_DRIVER_FILES: driverIn(folder), RADV_FORCE_FAMILY: gpu, RADV_DEBUG: "shaders,shaderstats", MESA_SHADER_CACHE_DISABLE: "1" };
    // A file: into a pipe, which Node does not let block, the driver would lose what does not fit at once.
    const listingFile = join(folder, "listing");
    const stderr = openSync(listingFile, "w");
    const child = spawnSync(process.execPath, ["--import", "tsx", "--conditions=source", here("compile.ts"), JSON.stringify(wanted)], { env, encoding: "utf8", stdio: ["ignore", "pipe", stderr], cwd: here("../..") });
    closeSync(stderr);
    const listing = readFileSync(listingFile, "utf8");
    if (child.status !== 0) {
      if (/RADV_FORCE_FAMILY=<family> has been removed/.test(listing)) throw new ConfigError("this Mesa's driver for AMD no longer compiles for a GPU that is not there. Mesa 25.0 does: take libvulkan_radeon.so of it (LD_LIBRARY_PATH names its folder).");
      const said = listing.split("\n").filter((line) => /Error|Unknown family|no WebGPU adapter/.test(line)).slice(-3).join("; ");
      throw new ConfigError(`nothing was compiled for "${gpu}": ${said || `the process ended with ${child.status ?? child.signal}`}. It needs libvulkan_radeon.so of Mesa 25, and a GPU that Mesa knows by this name.`);
    }
    return { ...(JSON.parse(child.stdout) as { adapter: string; device: string; dispatches: number }), kernels: kernelsOf(listing) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function table(kernels: readonly Compiled[]): string {
  const head = ["registers", "spilled", "LDS", "waves", "code", "instr.", "hot: fma", "of vector", "LDS", "memory", "all", "kernel"];
  const rows = kernels.map(({ kernel, registers, spilled, sharedBytes, subgroups, codeBytes, instructions, hot }) =>
    [registers, spilled, sharedBytes, subgroups, codeBytes, instructions, ...(hot ? [hot.multiplyAdds, `${Math.round((100 * hot.multiplyAdds) / hot.vector)} %`, hot.shared, hot.memory, hot.all] : ["", "", "", "", ""]), kernel].map(String));
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows].map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padStart(widths[i] ?? 0))).join("  ")).join("\n");
}

function run(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      batch: { type: "string", default: "32" }, size: { type: "string", default: "224" }, mixed: { type: "boolean", default: false }, native: { type: "boolean", default: false },
      gpu: { type: "string", default: "navi31" }, only: { type: "string", default: "." }, asm: { type: "string" }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const [what = "resnet50", ...more] = positionals;
  if (more.length || (what !== "resnet50" && what !== "unet" && what !== "families")) throw new ConfigError(`expected resnet50, unet or families, got "${positionals.join(" ")}".`);
  const count = (name: "batch" | "size"): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new ConfigError(`--${name} expects a whole number above 0, got "${values[name]}".`);
    return value;
  };
  try {
    new RegExp(values.only);
  } catch (error) {
    throw new ConfigError(`--only expects a regular expression, got "${values.only}": ${(error as Error).message}.`);
  }
  const result = compiled({ what, batch: count("batch"), size: count("size"), mixed: values.mixed, native: values.native, only: values.only }, values.gpu);
  if (result.kernels.length === 0) throw new ConfigError(`none of the kernels of ${what} is called like "${values.only}".`);
  if (values.asm) writeFileSync(values.asm, result.kernels.map(({ kernel, assembly }) => `; ${kernel}\n${assembly}\n`).join("\n"));
  if (values.json) return void process.stdout.write(`${JSON.stringify({ ...result, kernels: result.kernels.map(({ assembly: _, ...rest }) => rest) }, null, 2)}\n`);
  process.stdout.write(`${result.device} ${result.adapter}, ${what}, ${result.dispatches} dispatches, ${result.kernels.length} kernels\n${table(result.kernels)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    run();
  } catch (error) {
    // What parseArgs says after its first sentence is of no help.
    const usage = error instanceof TypeError;
    process.stderr.write(`roentgen: ${usage ? `${error.message.split(". ")[0]}. See npm run isa -- --help.` : error instanceof Error ? error.message : error}\n`);
    process.exitCode = usage || error instanceof ConfigError ? 2 : 1;
  }
}
