// A PyTorch zip of 102.5 MB to safetensors, on disk: ours in processes of its own, in turn with torch.load + save_file, both to a name that is
// not there yet. Linux only, for it reads /proc.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertFile } from "@roentgen/checkpoints/node";
import { python } from "./peer-process.ts";

const childFlag = "ROENTGEN_BENCH_CONVERT";

/** What a child process prints, of ours and of PyTorch's: each conversion in milliseconds, and memory in bytes. */
interface Run {
  readonly ms: readonly number[];
  /** Resident when everything was imported, and at most until the end. */
  readonly base: number;
  readonly peak: number;
  /** Of the file that was written, in bytes. */
  readonly kept: number;
}

const [source, target, seconds] = (process.env[childFlag] ?? "").split("\n");
if (source && target) {
  // What the kernel counts for this program alone: getrusage also counts what its parent had when it started it.
  const resident = () => 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? NaN);
  const base = resident();
  const ms: number[] = [];
  let kept = 0;
  for (const end = performance.now() + 1e3 * Number(seconds); ms.length < 5 || performance.now() < end;) {
    const start = performance.now();
    await convertFile(source, target);
    ms.push(performance.now() - start);
    kept = statSync(target).size;
    rmSync(target);
  }
  process.stdout.write(JSON.stringify({ ms, base, peak: resident(), kept } satisfies Run));
} else {
  // Not in the child, whose memory is measured.
  const [{ bench }, { rebuild }] = await Promise.all([import("./harness.ts"), import("../test/fixtures/frameworks/rebuild.ts")]);
  await bench("convert", "how long does a PyTorch zip of a ResNet-50 take to safetensors, and how much memory, beside torch.load + save_file?", async ({ rounds, seconds, peers: asked, note, figure, target, missing }) => {
    const folder = mkdtempSync(join(tmpdir(), "roentgen-bench-"));
    try {
      const { path } = rebuild("torchvision", folder);
      const out = join(folder, "out.safetensors");
      const [ours, peers]: [Run[], Run[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        ours.push(await run(process.execPath, [...process.execArgv, ...process.argv.slice(1, 2)], { [childFlag]: [path, out, seconds].join("\n") }));
        const peer = asked.includes("torch") ? await peerRun(path, join(folder, "peer.safetensors"), seconds) : null;
        if (peer) peers.push(peer);
      }
      const best = (runs: readonly Run[]) => Math.min(...runs.flatMap(({ ms }) => ms));
      const usual = (runs: readonly Run[]) => median(runs.map(({ ms }) => median(ms)));
      const first = (runs: readonly Run[]) => median(runs.map(({ ms }) => ms[0] ?? NaN));
      // By how much a round is slower than the round beside it: both had the same neighbours on the machine.
      const times = (of: (runs: readonly Run[]) => number) => median(peers.map((peer, round) => of(ours.slice(round, round + 1)) / of([peer])));
      note("file read", statSync(path).size / 1e6, "MB");
      note("ours, median", usual(ours), "ms");
      note("ours, best", best(ours), "ms");
      note("ours, first in a process, median", first(ours), "ms");
      note("memory when imported", Math.min(...ours.map(({ base }) => base)) / 1e6, "MB");
      target("conversion, peak memory over the tensors kept", Math.max(...ours.map(({ base, peak, kept }) => (peak - base) / kept)));
      figure({ name: "PyTorch zip to safetensors, 102.5 MB", unit: "ms", better: "less", values: { roentgen: best(ours), ...(peers.length > 0 ? { torch: best(peers) } : {}) } });
      if (peers.length === 0) {
        if (asked.includes("torch")) missing("torch", "convert", "torch and safetensors not found: set ROENTGEN_PYTHON to a Python that has them");
        return;
      }
      note("torch.load + save_file, median", usual(peers), "ms");
      note("torch.load + save_file, best", best(peers), "ms");
      note("torch.load + save_file, first in a process, median", first(peers), "ms");
      note("first in a process, against torch.load + save_file", times(first), "times");
      note("best, against torch.load + save_file", times(best), "times");
      note("its peak memory over what its imports take", Math.max(...peers.map(({ base, peak, kept }) => (peak - base) / kept)), "times");
      target("conversion against torch.load + save_file", times(usual));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? NaN)) / 2;
}

async function run(command: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Run> {
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, ...environment }, timeout: 600_000 });
  return JSON.parse(stdout) as Run;
}

/** Null where there is no PyTorch or no safetensors. */
async function peerRun(path: string, out: string, seconds: number): Promise<Run | null> {
  const script = new URL("./convert_peer.py", import.meta.url).pathname;
  try {
    return await run(python(), [script, path, out, String(seconds)], { OMP_NUM_THREADS: "2" });
  } catch (error) {
    if (/No module named|ENOENT/.test(String(error))) return null;
    throw error;
  }
}
