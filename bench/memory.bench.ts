import { bench } from "./harness.ts";
import { type EngineName, explained, PeerProcess } from "./peer-process.ts";
import { training } from "./training.ts";

const [batch, size] = [4, 64];
/** Steps between two looks; a peer slower than a second takes fewer. */
const steps = 10;

await bench("memory", `how much memory does ResNet-50's training step hold (batch ${batch}, ${size} pixels), and does it stay there?`, async ({ device, peers, note, figure, target, missing }) => {
  const { step, parameters, dispose } = training(device, { name: "resnet50", batch, size });
  note("the plan: activations, gradients, workspace", step.plan.bytes / 2 ** 20, "MiB");
  note("of it, alive at one moment at most", step.plan.peakLiveBytes / 2 ** 20, "MiB");
  // Weights, and two moments in float32.
  note("parameters and Adam's moments", (3 * 4 * parameters) / 2 ** 20, "MiB");
  await step.build();
  note("all the device holds", device.heldBytes / 2 ** 20, "MiB");
  dispose();

  const resident: Record<string, number> = {};
  const peak: Record<string, number> = {};
  for (const engine of ["roentgen", ...peers.filter((peer) => peer !== "ort")] as const) {
    const made = await residentOf(engine);
    if (typeof made === "string") {
      missing(engine, "memory", made);
      continue;
    }
    const { early, late, highest, count } = made;
    note(`${engine}: resident after ${count} steps`, late / 2 ** 20, "MiB");
    note(`${engine}: growth over the second half of them`, (late - early) / 2 ** 20, "MiB");
    resident[engine] = late / 2 ** 20;
    if (highest !== null) peak[engine] = highest / 2 ** 20;
    if (engine === "roentgen") target("memory of 20 steps, last against first half", late / early);
  }
  const name = `resnet50, batch ${batch}, ${size} pixels`;
  figure({ name: `${name}: resident while it trains`, unit: "MiB", better: "less", values: resident });
  figure({ name: `${name}: most ever resident`, unit: "MiB", better: "less", values: peak });
});

/** A process of its own: a first step, as many as half of all, and as many again. Why not, where it cannot. */
async function residentOf(engine: EngineName): Promise<{ early: number; late: number; highest: number | null; count: number } | string> {
  const peer = new PeerProcess(engine);
  const ask = async (warmUp: number) => {
    // A budget of next to nothing: the steps asked for, and benchmark.js's own.
    const answer = await peer.ask({ work: { kind: "train", model: "resnet50", batch, size }, units: 1, budgetSeconds: 1e-3, minSamples: 2, warmUp });
    if (!("samples" in answer)) throw new Error(explained(engine, answer.unsupported ?? answer.error ?? "no reason given"));
    return answer;
  };
  try {
    const first = await ask(2);
    const each = Math.min(...first.samples) > 1000 ? 3 : steps;
    const early = await ask(each);
    const late = await ask(each);
    return { early: early.memory.rss, late: late.memory.rss, highest: late.memory.peak, count: late.losses?.length ?? 0 };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    peer.close();
  }
}
