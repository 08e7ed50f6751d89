import { ConfigError, Rng } from "@roentgen/core";
import { type Device, type DispatchTiming, type Profile } from "@roentgen/gpu";
import { openDevice } from "@roentgen/gpu/node";
import { UNet } from "@roentgen/models";
import { Adam, materialize } from "@roentgen/nn";
import { backward, bceWithLogits, crossEntropy, type InputData, noGrad, record, spec, type Step } from "@roentgen/tensor";
import { modelNamed } from "../model-name.ts";
import { chromeTrace, type Group, groupBy, layerOf } from "../profile-groups.ts";
import { type Column, textTable } from "../text-table.ts";
import { writeWhole } from "../write-whole.ts";

export interface ProfileOptions {
  readonly train?: boolean;
  readonly batch: number;
  readonly size: number;
  readonly repeats: number;
  readonly top: number;
  readonly json?: boolean;
  readonly trace?: string;
  readonly adapter?: string;
  readonly native?: boolean;
}

/** `roentgen profile`: builds a model on the device, records one step and times each of its dispatches. */
export async function profileModel(name: string, options: ProfileOptions): Promise<void> {
  const device = await openDevice({ adapter: options.adapter, native: options.native });
  try {
    const { step, inputs } = recorded(device, name, options);
    await step.build();
    // Once as usual, so that what is timed works on real values, with warm caches.
    step.run(...inputs);
    await device.idle();
    const measured = await device.profile(step.plan, { repeats: options.repeats });
    const adapter = device.info.description || device.info.device;
    if (options.trace !== undefined) await writeWhole(options.trace, JSON.stringify(chromeTrace(measured, adapter)));
    const groups = { kernels: groupBy(measured, (d) => d.kernel), layers: groupBy(measured, layerOf) };
    process.stdout.write(`${options.json ? JSON.stringify({ model: name, adapter, software: device.info.software, toggles: device.info.toggles, batch: options.batch, size: options.size, bytes: step.plan.bytes, ...groups, ...measured }, null, 1) : formatProfile(measured, groups, { title: title(name, `${adapter}, toggles ${device.info.toggles.join(" ")}`, options), top: options.top, images: options.batch })}\n`);
  } finally {
    device.close();
  }
}

function recorded(device: Device, name: string, { train = false, batch, size }: ProfileOptions): { step: Step<unknown>; inputs: InputData[] } {
  const model = modelNamed(name);
  const isUnet = model instanceof UNet;
  if (isUnet && size % 32 !== 0) throw new ConfigError(`${name}: the size must be a multiple of 32, not ${size}: the encoder halves it five times.`);
  materialize(model, device, { seed: 0 });
  const rng = new Rng(0);
  const images = Float32Array.from({ length: batch * size * size * 3 }, () => rng.normal());
  const x = spec("f32", [batch, size, size, 3]);
  if (!train) {
    model.eval();
    return { step: record(device, "forward", (image) => noGrad(() => model.forward(image)), [x]), inputs: [images] };
  }
  model.train();
  const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
  const stepOf = (loss: ReturnType<typeof crossEntropy>) => {
    optimizer.step(backward(loss));
    return loss;
  };
  if (isUnet) {
    const masks = Float32Array.from({ length: batch * size * size }, () => rng.int(2));
    return { step: record(device, "train", (image, mask) => stepOf(bceWithLogits(model.forward(image), mask)), [x, spec("f32", [batch, size, size, 1])]), inputs: [images, masks] };
  }
  const labels = Uint32Array.from({ length: batch }, () => rng.int(1000));
  return { step: record(device, "train", (image, label) => stepOf(crossEntropy(model.forward(image), label)), [x, spec("u32", [batch])]), inputs: [images, labels] };
}

const title = (name: string, adapter: string, { train = false, batch, size, repeats }: ProfileOptions): string =>
  `${name}, ${train ? "training step with Adam" : "forward pass"}, batch ${batch}, ${size} px, on ${adapter}; median of ${repeats}`;

export function formatProfile(measured: Profile, { kernels, layers }: { kernels: readonly Group[]; layers: readonly Group[] }, { title, top, images }: { title: string; top: number; images: number }): string {
  const ms = (value: number) => value.toFixed(3);
  const rate = (value: number) => (value > 0 ? value.toFixed(1) : "");
  const share = (timeMs: number) => `${((100 * timeMs) / Math.max(measured.totalMs, 1e-9)).toFixed(1)} %`;
  const columns = (head: string): Column<Group>[] => [
    { head, of: (g) => g.name, most: 48 },
    { head: "dispatches", of: (g) => String(g.dispatches), right: true },
    { head: "ms", of: (g) => ms(g.timeMs), right: true },
    { head: "share", of: (g) => share(g.timeMs), right: true },
    { head: "GFLOP/s", of: (g) => rate(g.gflopPerSecond), right: true },
    { head: "GB/s", of: (g) => rate(g.gigabytesPerSecond), right: true },
  ];
  const slowest = [...measured.dispatches].sort((a, b) => b.timeMs - a.timeMs).slice(0, top);
  const dispatches = textTable<DispatchTiming>(slowest, [
    { head: "dispatch", of: (d) => d.label, most: 56 },
    { head: "grid", of: (d) => d.grid.join("x") },
    { head: "ms", of: (d) => ms(d.timeMs), right: true },
    { head: "share", of: (d) => share(d.timeMs), right: true },
    { head: "GFLOP/s", of: (d) => rate(d.gflopPerSecond), right: true },
    { head: "GB/s", of: (d) => rate(d.gigabytesPerSecond), right: true },
  ]);
  const heading = (what: string, shown: number, all: number) => (shown < all ? `${what} (${shown} of ${all}, slowest first)` : what);
  const { totalMs } = measured;
  return [
    title,
    `${measured.dispatches.length} dispatches, ${ms(totalMs)} ms on the device${totalMs > 0 ? `, ${((images * 1000) / totalMs).toFixed(1)} images/s without gaps` : ""}`,
    `\n${heading("By dispatch", slowest.length, measured.dispatches.length)}\n${dispatches}`,
    `\nBy kernel\n${textTable(kernels, columns("kernel"))}`,
    `\n${heading("By layer", Math.min(top, layers.length), layers.length)}\n${textTable(layers.slice(0, top), columns("layer"))}`,
  ].join("\n");
}
