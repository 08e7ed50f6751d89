// A PyTorch zip of 102.5 MB to safetensors, on disk: ours in processes of its own, in turn with torch.load + save_file. Linux only, for it
// reads /proc.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertFile } from "@roentgen/checkpoints/node";

const childFlag = "ROENTGEN_BENCH_CONVERT";

/** What a child process prints, of ours and of PyTorch's: each conversion in milliseconds, and memory in bytes. */
interface Run {
  readonly ms: readonly number[];
  /** Resident when everything was imported, and at most until the end. */
  readonly base: number;
  readonly peak: number;
}

const [source, target, seconds] = (process.env[childFlag] ?? "").split("\n");
if (source && target) {
  // What the kernel counts for this program alone: getrusage also counts what its parent had when it started it.
  const resident = () => 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? NaN);
  const base = resident();
  const ms: number[] = [];
  for (const end = performance.now() + 1e3 * Number(seconds); ms.length < 5 || performance.now() < end;) {
    const start = performance.now();
    await convertFile(source, target);
    ms.push(performance.now() - start);
  }
  process.stdout.write(JSON.stringify({ ms, base, peak: resident() } satisfies Run));
} else {
  // Not in the child, whose memory is measured.
  const [{ bench }, { rebuild }] = await Promise.all([import("./harness.ts"), import("../test/fixtures/frameworks/rebuild.ts")]);
  await bench("convert", "how long does a PyTorch zip of a ResNet-50 take to safetensors, and how much memory, beside torch.load + save_file?", async ({ rounds, budget, note, floor, print }) => {
    const folder = mkdtempSync(join(tmpdir(), "roentgen-bench-"));
    try {
      const { path } = rebuild("torchvision", folder);
      const out = join(folder, "out.safetensors");
      const [ours, peers]: [Run[], Run[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        ours.push(await run(process.execPath, [...process.execArgv, ...process.argv.slice(1, 2)], { [childFlag]: [path, out, budget].join("\n") }));
        const peer = await peerRun(path, join(folder, "peer.safetensors"), budget);
        if (peer) peers.push(peer);
      }
      const kept = statSync(out).size;
      const best = (runs: readonly Run[]) => Math.min(...runs.flatMap(({ ms }) => ms));
      const first = (runs: readonly Run[]) => Math.min(...runs.map(({ ms }) => ms[0] ?? NaN));
      note("file read", statSync(path).size / 1e6, "MB");
      note("ours, best", best(ours), "ms");
      note("ours, first in a process, best", first(ours), "ms");
      note("memory when imported", Math.min(...ours.map(({ base }) => base)) / 1e6, "MB");
      floor("peak memory over that, against the tensors kept", Math.max(...ours.map(({ base, peak }) => (peak - base) / kept)), 1.2, "times", { atMost: true });
      if (peers.length === 0) return print("  torch and safetensors not found: set ROENTGEN_PYTHON to a Python that has them");
      note("torch.load + save_file, best", best(peers), "ms");
      note("torch.load + save_file, first in a process, best", first(peers), "ms");
      note("its peak memory over what its imports take", Math.max(...peers.map(({ base, peak }) => (peak - base) / kept)), "times");
      floor("time, against torch.load + save_file", best(ours) / best(peers), 2, "times", { atMost: true });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

async function run(command: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Run> {
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, ...environment }, timeout: 600_000 });
  return JSON.parse(stdout) as Run;
}

/** Null where there is no PyTorch or no safetensors. */
async function peerRun(path: string, out: string, budget: number): Promise<Run | null> {
  const script = new URL("./convert_peer.py", import.meta.url).pathname;
  try {
    return await run(process.env.ROENTGEN_PYTHON ?? "python3", [script, path, out, String(budget)], { OMP_NUM_THREADS: "2" });
  } catch (error) {
    if (/No module named|ENOENT/.test(String(error))) return null;
    throw error;
  }
}
