import { formatSafetensors, imagenetInput, type Numerics, parseSafetensors, torchvisionNumerics, type Triple } from "@roentgen/checkpoints";
import type { Dataset } from "@roentgen/data";
import { DataError, hostTensor, type HostTensor, type StateDict } from "@roentgen/core";
import { resnet, unet } from "@roentgen/models";
import { fileShape, materialize, stateDict } from "@roentgen/nn";
import { withDevice } from "@roentgen/tensor/testing/node";
import { describe, expect, it, vi } from "vitest";
import { parseStudy, type StudyConfig } from "./config.ts";
import type { StudyEvent } from "./events.ts";
import { type InitSource, randomInit } from "./inits.ts";
import type { Environment, Report } from "./results.ts";
import { memoryStore, type Store } from "./store.ts";
import { runStudy, StudyInterrupted } from "./study.ts";
import type { StudyOptions } from "./study-options.ts";
import { syntheticDataset } from "./synthetic.fixture.ts";
import { lessMemory } from "./trial.ts";

const yaml = `
name: small
inits: [random, pretrained]
baseline: pretrained
trials: 2
tasks:
  corner:
    data: multiclass
    model: { kind: resnet, depth: 18 }
    size: 32
    batch: 4
    epochs: 2
    patience: 5
    loss: cross-entropy
    optimizer: { kind: adam, lr: 0.001, maxGradNorm: 1 }
    schedule: { kind: plateau }
    augment: { flip: 0.5, rotateDegrees: 5 }
  square:
    data: mask
    model: { kind: unet, depth: 18 }
    size: 32
    batch: 4
    evaluationBatch: 3
    epochs: 2
    patience: 5
    loss: bce+dice
    optimizer: { kind: sgd, lr: 0.01 }
    augment: segmentation
`;

const environment: Environment = { roentgen: "test", commit: null, runtime: "test", system: "test", adapter: { vendor: "", architecture: "", device: "", description: "", software: true, toggles: [] } };

const only = (config: StudyConfig, task: string, extra: Partial<StudyConfig> = {}): StudyConfig => ({ ...config, tasks: { [task]: config.tasks[task] as StudyConfig["tasks"][string] }, ...extra });

/** A report without what a clock decides. */
function withoutTimes(report: Report): unknown {
  return JSON.parse(JSON.stringify(report, (key, value: unknown) => (key === "seconds" || key === "imagesPerSecond" ? undefined : value)));
}

/** A data set that tells when a training image is looked at. */
function watched(dataset: Dataset, onImage: () => void): Dataset {
  const train = dataset.split("train").map((sample) => Object.defineProperty({ ...sample }, "image", { get: () => (onImage(), sample.image) }));
  return { ...dataset, split: (name) => (name === "train" ? train : dataset.split(name)) };
}

withDevice("runStudy", (device) => {
  let weights: StateDict | undefined;
  const pretrained: InitSource = {
    description: "a ResNet-18 drawn with another seed",
    load: async () => ({ kind: "weights", numerics: undefined, tensors: (weights ??= await stateDict(materialize(resnet({ depth: 18, classes: 7 }), device(), { seed: 99 }))) }),
  };
  const study = (config: StudyConfig, store: Store, more: Partial<StudyOptions> = {}) =>
    runStudy({ config, store, device: device(), environment, datasets: async (name) => syntheticDataset(name as "mask"), inits: new Map([["random", randomInit], ["pretrained", pretrained]]), ...more });
  const config = parseStudy(yaml);

  it("offers what it computes for tuning when it begins, and keeps what was found", async () => {
    const store = memoryStore();
    const stopped = AbortSignal.abort();
    const offered: string[][] = [];
    const tuning: StudyOptions["tuning"] = async (tasks) => {
      offered.push(tasks.map(({ key }) => key));
      return new Map(tasks.slice(0, 1).map(({ key }) => [key, "plain"]));
    };
    // An interrupt meanwhile leaves no half of a choice behind.
    await expect(study(config, store, { signal: stopped, tuning })).rejects.toThrow("interrupted before its first trial");
    expect([...store.files.keys()]).toEqual([]);
    for (let i = 0; i < 2; i++) {
      const begun = new AbortController();
      await expect(study(config, store, { signal: begun.signal, tuning, listener: (e) => e.kind === "study" && begun.abort() })).rejects.toThrow(StudyInterrupted);
    }
    const [keys = [], ...again] = offered;
    expect(again).toEqual([keys]);
    expect(["forward", "backwardX", "backwardWeight"].map((d) => keys.some((key) => key.startsWith(`conv2d.${d} f32`)))).toEqual([true, true, true]);
    expect(new TextDecoder().decode((await store.read("kernels.json")) ?? undefined)).toContain(`${JSON.stringify(keys[0])}: "plain"`);
  });

  it("ends with the same numbers, bit for bit, whether interrupted in the middle of an epoch, killed, or not at all", async () => {
    const whole = memoryStore();
    const config = { ...parseStudy(yaml), trials: 1 };
    const once = await study(config, whole);

    const resumed = memoryStore();
    // Stops while the n-th training image of the process is drawn: in the middle of an epoch, twice in the same trial.
    for (const stop of [5, 14]) {
      const controller = new AbortController();
      let drawn = 0;
      const datasets = async (name: string) => watched(syntheticDataset(name as "mask"), () => ++drawn === stop && controller.abort());
      await expect(study(config, resumed, { datasets, signal: controller.signal })).rejects.toThrow(StudyInterrupted);
    }
    expect([...resumed.files.keys()]).toEqual(["kernels.json", "trials/corner-random-0.state"]);
    // A kill leaves the last state written and nothing else: here after a step of the second epoch.
    const killed = new Error("killed");
    const position = () => (JSON.parse(parseSafetensors(resumed.files.get("trials/corner-random-0.state") as Uint8Array).metadata.get("roentgen.progress") as string) as { epoch: number; step: number });
    const diesLater: Store = { ...resumed, write: async (name, bytes) => (await resumed.write(name, bytes), position().epoch === 1 && position().step === 2 ? Promise.reject(killed) : undefined) };
    await expect(study(config, diesLater, { checkpointSeconds: 0 })).rejects.toThrow(killed);
    let results = 0;
    const dies: Store = { ...resumed, write: async (name, bytes) => (/^trials.*json$/.test(name) && ++results === 2 ? Promise.reject(killed) : resumed.write(name, bytes)) };
    await expect(study(config, dies, { checkpointSeconds: 0 })).rejects.toThrow(killed);
    expect([...resumed.files.keys()]).toContain("trials/corner-pretrained-0.state");
    const again = await study(config, resumed, { checkpointSeconds: 0 });

    expect(withoutTimes(again)).toEqual(withoutTimes(once));
    for (const [name, bytes] of whole.files) if (name.startsWith("models/")) expect(Buffer.from(resumed.files.get(name) ?? []).equals(Buffer.from(bytes))).toBe(true);
    expect([...resumed.files.keys()].filter((name) => name.endsWith(".state"))).toEqual([]);
  });

  it("reports every cell, compares with the baseline, and keeps the best models as strict checkpoints", async () => {
    const store = memoryStore();
    const report = await study(only(config, "corner"), store);
    expect(report.cells.map((c) => [c.task, c.init, c.headline.n])).toEqual([["corner", "random", 2], ["corner", "pretrained", 2]]);
    expect(report.comparisons.map((c) => [c.init, c.baseline])).toEqual([["random", "pretrained"]]);
    expect(report.data.corner).toMatchObject({ hash: "hash-of-multiclass", images: { train: 12, validation: 4, test: 6 } });
    for (const trial of report.trials) {
      expect(trial.losses).toHaveLength(6);
      expect(trial.scores.kind).toBe("classification");
      expect(trial.predictions?.probabilities).toHaveLength(6);
      const { tensors, metadata } = parseSafetensors(store.files.get(trial.model ?? "") ?? new Uint8Array());
      const shapes = new Map([...materialize(resnet({ depth: 18, classes: 2 }), device(), { seed: 0 }).parameters()].map((p) => [p.path, [...fileShape(p)]]));
      expect(new Map([...tensors].map(([name, t]) => [name, [...t.shape]]).sort() as [string, number[]][])).toEqual(new Map([...shapes].sort()));
      expect(metadata.get("roentgen.seed")).toBe(String(trial.seed));
    }
    expect(new Set(report.trials.map((t) => t.seed)).size).toBe(4);
    const saved = JSON.parse(new TextDecoder().decode(store.files.get("report.json"))) as Report;
    expect(saved).toEqual(JSON.parse(JSON.stringify(report)));
    expect(new TextDecoder().decode(store.files.get("report.html"))).toContain("corner");
  });

  it("learns: a U-Net finds the square", async () => {
    const square = config.tasks.square as StudyConfig["tasks"][string];
    const longer = only(config, "square", { trials: 1, inits: ["random"], tasks: { square: { ...square, epochs: 12, optimizer: { ...square.optimizer, kind: "adam", lr: 0.002 } } } });
    const { trials: [trial] } = await study({ ...longer, baseline: undefined }, memoryStore());
    expect(trial?.headline).toBeGreaterThan(0.8);
    expect(trial?.examples.length).toBeGreaterThan(0);
    expect(trial?.scores).toMatchObject({ kind: "segmentation" });
  });

  it("computes blocks twice where memory is short, to the same bits, and says so; a batch in parts and mixed precision need less", async () => {
    const corner = config.tasks.corner as StudyConfig["tasks"][string];
    const trialOf = async (more: Partial<typeof corner>, freeBytes = Infinity) => {
      const notes: string[] = [];
      const free = vi.spyOn(device(), "freeBytes", "get").mockReturnValue(freeBytes);
      const listener = (e: StudyEvent) => void (e.kind === "note" && notes.push(e.text));
      const short = only(config, "corner", { trials: 1, inits: ["random"], tasks: { corner: { ...corner, epochs: 1, ...more } } });
      const { trials: [trial] } = await study({ ...short, baseline: undefined }, memoryStore(), { listener }).finally(() => free.mockRestore());
      return { trial, notes };
    };
    // All pipelines are compiled before the first step, side by side; none in passing, which would stall it.
    const compiledInPassing = vi.spyOn(device().gpu as GPUDevice, "createComputePipeline");
    const plain = await trialOf({});
    // Almost as much as the step and evaluation need.
    const short = (plain.trial?.memory?.trainingBytes ?? 0) + 1e6;
    const [tight, parts] = [await trialOf({}, short), await trialOf({ accumulate: 2 })];
    const held = device().heldBytes;
    await expect(trialOf({}, 1e6)).rejects.toThrow(/^corner-random-0: with gradient checkpointing a training step needs .*the budget leaves 0\.0 KiB for it\. Use a smaller batch \(4\) or size \(32\), accumulate: 2, evaluationBatch: 2, precision: mixed, or a larger budget\.$/);
    device().trim();
    expect(device().heldBytes).toBe(held);
    expect(tight.trial?.losses).toEqual(plain.trial?.losses);
    expect(tight.trial?.predictions).toEqual(plain.trial?.predictions);
    expect([plain, tight].map(({ trial }) => trial?.memory?.checkpointing)).toEqual([false, true]);
    expect(tight.trial?.memory?.trainingBytes).toBeLessThan(plain.trial?.memory?.trainingBytes ?? 0);
    expect(plain.notes).toEqual([]);
    expect(tight.notes.join()).toContain("corner-random-0: a training step needs");
    expect(parts.trial?.losses).toHaveLength(3);
    expect(parts.trial?.losses).not.toEqual(plain.trial?.losses);
    expect(parts.trial?.memory?.trainingBytes).toBeLessThan(plain.trial?.memory?.trainingBytes ?? 0);
    const mixed = await trialOf({ precision: "mixed" });
    expect(mixed.trial?.losses[0]).toBeCloseTo(plain.trial?.losses[0] ?? NaN, 1);
    expect(mixed.trial?.losses).not.toEqual(plain.trial?.losses);
    expect(mixed.trial?.memory?.trainingBytes).toBeLessThan(plain.trial?.memory?.trainingBytes ?? 0);
    expect(compiledInPassing).not.toHaveBeenCalled();
    compiledInPassing.mockRestore();
  });

  it("refuses at once a name that nobody knows, weights that are nowhere, and splits that it would miss at the end", async () => {
    const missing: InitSource = { description: "none", load: async () => ({ kind: "unavailable", reason: "the file is not there" }) };
    const begin = (more: Partial<StudyOptions>) => study(only(config, "corner", { inits: ["pretrained"] }), memoryStore(), { listener: () => { throw new Error("it began"); }, ...more });
    await expect(begin({ inits: new Map([["random", randomInit]]) })).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: there is no initialisation named "pretrained". Known: random.]`);
    await expect(begin({ inits: new Map([["pretrained", missing]]) })).rejects.toThrowErrorMatchingInlineSnapshot(`[CheckpointError: study "small": none of its initialisations can be had. pretrained: the file is not there.]`);
    const without = (split: string, keep: number) => async () => {
      const set = syntheticDataset("multiclass");
      return { ...set, split: (name: Parameters<Dataset["split"]>[0]) => (name === split ? set.split(name).slice(0, keep) : set.split(name)) };
    };
    await expect(begin({ datasets: without("train", 3) })).rejects.toThrowErrorMatchingInlineSnapshot(`[DataError: tasks.corner: 3 training images make no batch of 4. Take a smaller batch, or look at "split" in the list.]`);
    await expect(begin({ datasets: without("val", 0) })).rejects.toThrowErrorMatchingInlineSnapshot(`[DataError: tasks.corner: synthetic-multiclass has no validation images. Look at "split" in the list.]`);
    await expect(begin({ datasets: without("test", 0) })).rejects.toThrowErrorMatchingInlineSnapshot(`[DataError: tasks.corner: synthetic-multiclass has no test images. Look at "split" in the list.]`);
    const ofKind = (kind: Dataset["task"]["kind"]) => async () => ({ ...syntheticDataset("multiclass"), task: { kind, classes: ["top"] } });
    await expect(begin({ datasets: ofKind("binary") })).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: tasks.corner: synthetic-multiclass is binary; its loss is bce, not cross-entropy.]`);
    await expect(begin({ datasets: ofKind("mask") })).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: tasks.corner: synthetic-multiclass is mask; its model is a unet, not a resnet. Set model.kind: unet.]`);
    await expect(begin({ datasets: async () => Promise.reject(new DataError("index.json: no samples.")) })).rejects.toThrowErrorMatchingInlineSnapshot(`[DataError: tasks.corner: multiclass: index.json: no samples.]`);
  });

  it("says which initialisation could not be had, and runs the others alone", async () => {
    const missing: InitSource = { description: "none", load: async () => ({ kind: "unavailable", reason: "the file is not there" }) };
    const events: StudyEvent[] = [];
    const report = await study(only(config, "corner", { trials: 1 }), memoryStore(), { inits: new Map([["random", randomInit], ["pretrained", missing]]), listener: (e) => events.push(e) });
    expect(report.unavailable).toEqual({ pretrained: "the file is not there" });
    expect(report.trials.map((t) => t.init)).toEqual(["random"]);
    expect(report.comparisons).toEqual([]);
    expect(events[0]).toMatchObject({ kind: "study", unavailable: { pretrained: "the file is not there" } });
  });

  it("runs a trial again where other weights lie under the name, if it may, and not where words changed", async () => {
    const store = memoryStore();
    const doneBefore = async (sha256: string, title: string, replace = false): Promise<readonly string[]> => {
      let done: readonly string[] = [];
      const listener = (e: StudyEvent) => void (e.kind === "study" && (done = e.done));
      const corner = { ...(config.tasks.corner as StudyConfig["tasks"][string]), title };
      await study({ ...config, tasks: { corner }, trials: 1, inits: ["pretrained"] }, store, { replace, inits: new Map([["pretrained", { ...pretrained, description: title, sha256 }]]), listener });
      return done;
    };
    expect([await doneBefore("a", "Corners"), await doneBefore("a", "Which corner?")]).toEqual([[], ["corner-pretrained-0"]]);
    const before = store.files.get("trials/corner-pretrained-0.json");
    await expect(doneBefore("b", "Corners")).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: study "small": corner-pretrained-0 finished here with other settings, data, weights or adapter. Choose another folder (--out), or have them trained again (--replace).]`);
    expect(store.files.get("trials/corner-pretrained-0.json")).toBe(before);
    expect(await doneBefore("b", "Corners", true)).toEqual([]);
  });

  it("runs a trial again whose result was damaged or changed, and says so", async () => {
    const store = memoryStore();
    const small = only(config, "corner", { trials: 1, inits: ["random"], baseline: undefined });
    const first = await study(small, store);
    const file = "trials/corner-random-0.json";
    const whole = new TextDecoder().decode(store.files.get(file));
    for (const damaged of [whole.slice(0, -1), whole.replace(/"seed":\d/, '"seed":5'), whole.replace(/"result":.*/s, '"result":{}}'), "[]", "null"]) {
      store.files.set(file, new TextEncoder().encode(damaged));
      const notes: string[] = [];
      const again = await study(small, store, { listener: (e) => void (e.kind === "note" && notes.push(e.text)) });
      expect(notes).toEqual(["corner-random-0: its result (trials/corner-random-0.json) is damaged or was changed; the trial runs again."]);
      expect(again.trials[0]?.losses).toEqual(first.trials[0]?.losses);
    }
  });

  it("stops at a loss that is not finite, with the step and the first op that wrote such a value", async () => {
    const poisoned: InitSource = {
      ...pretrained,
      load: async () => {
        const loaded = (await pretrained.load()) as { kind: "weights"; tensors: StateDict; numerics: undefined };
        const name = "layer2.0.conv1.weight";
        const weight = loaded.tensors.get(name) as HostTensor<"f32">;
        return { ...loaded, tensors: new Map([...loaded.tensors, [name, hostTensor("f32", weight.shape, weight.data.map((v, i) => (i === 100 ? NaN : v)))]]) };
      },
    };
    const inits = new Map([["random", randomInit], ["pretrained", poisoned]]);
    const failing = study(only(config, "corner", { trials: 1 }), memoryStore(), { inits });
    await expect(failing).rejects.toThrow(/^corner-pretrained-0: the loss of step 1 \(epoch 1\) is NaN; the first op that wrote a value that is not finite is layer2\.0\.conv1 conv2d .*Nothing was learnt before it: the first weights hold such a value/);
    // Who does not want to wait for the search interrupts it; who has no memory for it is told of the loss all the same.
    const controller = new AbortController();
    const impatient = study(only(config, "corner", { trials: 1 }), memoryStore(), { inits, signal: controller.signal, listener: (e) => e.kind === "note" && controller.abort() });
    await expect(impatient).rejects.toThrow("the loss of step 1 (epoch 1) is NaN; its cause was not looked for. Nothing was learnt before it");
    const searching = (e: StudyEvent) => void (e.kind === "note" && vi.spyOn(device(), "scope").mockImplementationOnce(() => { throw new Error("no memory"); }));
    await expect(study(only(config, "corner", { trials: 1 }), memoryStore(), { inits, listener: searching })).rejects.toThrow("the loss of step 1 (epoch 1) is NaN; looking for its cause failed (no memory). Nothing");
  });

  it("takes the encoder of a U-Net's checkpoint", async () => {
    const whole = await stateDict(materialize(unet({ encoder: { depth: 18 } }), device(), { seed: 99 }));
    const source: InitSource = { description: "a U-Net", load: async () => ({ kind: "weights", numerics: undefined, tensors: whole }) };
    const alone = new Map([...whole].flatMap(([name, t]) => (name.startsWith("encoder.") ? [[name.slice("encoder.".length), t] as const] : [])));
    const encoder: InitSource = { description: "its encoder", load: async () => ({ kind: "weights", numerics: undefined, tensors: alone }) };
    for (const task of ["corner", "square"]) {
      const short = only(config, task, { trials: 1, inits: ["pretrained"] });
      const [a, b] = [await study(short, memoryStore(), { inits: new Map([["pretrained", source]]) }), await study(short, memoryStore(), { inits: new Map([["pretrained", encoder]]) })];
      expect(a.trials[0]?.losses).toEqual(b.trials[0]?.losses);
    }
  });

  it("feeds a network in the range that its file names", async () => {
    const { mean, std } = imagenetInput;
    const twice = (values: Triple): Triple => [2 * values[0], 2 * values[1], 2 * values[2]];
    const lossesWith = async (input: Numerics["input"]) => {
      const source: InitSource = { ...pretrained, load: async () => ({ ...((await pretrained.load()) as { kind: "weights"; tensors: StateDict }), numerics: { ...torchvisionNumerics, input } }) };
      const corner = config.tasks.corner as StudyConfig["tasks"][string];
      const short = only(config, "corner", { trials: 1, inits: ["pretrained"], tasks: { corner: { ...corner, epochs: 1 } } });
      return (await study(short, memoryStore(), { inits: new Map([["pretrained", source]]) })).trials[0]?.losses;
    };
    const usual = await lossesWith(imagenetInput);
    expect(await lossesWith({ mean: twice(mean), std: twice(std), range: [0, 2] })).toEqual(usual);
    expect(await lossesWith({ mean, std, range: [0, 2] })).not.toEqual(usual);
  });

  it("stops at a validation loss that is not finite", async () => {
    // A running variance is not read in training.
    const poisoned: InitSource = { ...pretrained, load: async () => {
      const loaded = (await pretrained.load()) as { kind: "weights"; tensors: StateDict; numerics: undefined };
      const name = "layer4.1.bn2.running_var";
      return { ...loaded, tensors: new Map([...loaded.tensors, [name, hostTensor("f32", [512], new Float32Array(512).fill(NaN))]]) };
    } };
    const failing = study(only(config, "corner", { trials: 1, inits: ["pretrained"] }), memoryStore(), { inits: new Map([["pretrained", poisoned]]) });
    await expect(failing).rejects.toThrow("corner-pretrained-0: the validation loss of epoch 1 is NaN, though no training loss was. Lower the learning rate");
  });

  it("starts a trial again where its state is another version's or damaged, to the numbers of a fresh one", async () => {
    const small = only(config, "corner", { trials: 1, inits: ["random"], baseline: undefined });
    const fresh = await study(small, memoryStore());
    const store = memoryStore();
    const interrupt = new AbortController();
    let steps = 0;
    await expect(study(small, store, { signal: interrupt.signal, listener: (e) => e.kind === "step" && ++steps === 2 && interrupt.abort() })).rejects.toThrow(StudyInterrupted);
    const file = "trials/corner-random-0.state";
    const whole = store.files.get(file) as Uint8Array;
    const { tensors, metadata } = parseSafetensors(whole);
    // So that what follows is found by what reads it.
    metadata.delete("roentgen.crc32");
    const without = (name: string | undefined) => formatSafetensors(new Map([...tensors].filter(([other]) => other !== name)), metadata);
    const saying = (progress: string) => formatSafetensors(tensors, new Map([...metadata, ["roentgen.progress", progress]]));
    const { epochs: _, ...incomplete } = JSON.parse(metadata.get("roentgen.progress") as string) as Record<string, unknown>;
    const damaged: readonly [Uint8Array, RegExp][] = [
      [without("model.0"), /trial state: model\.0 has 0 bytes/],
      // The last of them: what comes before it must not be taken up either.
      [without([...tensors.keys()].filter((name) => name.startsWith("optimizer.")).at(-1)), /trial state: optimizer: the saved state has 0 bytes/],
      [saying(JSON.stringify(incomplete)), /trial state: the progress record is damaged/],
      [saying("{"), /trial state: the progress record is damaged/],
      [without(undefined).slice(0, -4), /trials|truncat|bytes/],
      [whole.map((byte, i) => (i === whole.length - 2 ? byte ^ 1 : byte)), /its checksum is \w{8}/],
    ];
    for (const [bytes, reason] of damaged) {
      store.files.clear();
      store.files.set(file, bytes);
      const told: string[] = [];
      const again = await study(small, store, { listener: (e) => void (e.kind === "note" ? told.push(e.text) : e.kind === "trial" && told.push(`begins at step ${e.resumedAt}`)) });
      expect(told).toEqual([expect.stringMatching(reason), "begins at step 0"]);
      expect(told[0]).toMatch(/^corner-random-0: the saved state cannot be read .*the trial starts again\.$/);
      expect(again.trials[0]?.losses).toEqual(fresh.trials[0]?.losses);
    }
  });

  it("leaves a trial under way alone where settings changed, unless it may be begun again", async () => {
    const store = memoryStore();
    const small = only(config, "corner", { trials: 1, inits: ["random"], baseline: undefined });
    const other = { ...small, seed: small.seed + 1 };
    const stop = () => {
      const controller = new AbortController();
      return { signal: controller.signal, listener: (e: StudyEvent) => void (e.kind === "step" && controller.abort()) };
    };
    await expect(study(small, store, stop())).rejects.toThrow(StudyInterrupted);
    const before = store.files.get("trials/corner-random-0.state");
    await expect(study(other, store)).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: corner-random-0 is under way here with other settings, data, weights or adapter (trials/corner-random-0.state). Choose another folder (--out), or have it begun again (--replace).]`);
    expect(store.files.get("trials/corner-random-0.state")).toBe(before);
    await expect(study(other, store, { ...stop(), replace: true })).rejects.toThrow(StudyInterrupted);
    expect(store.files.get("trials/corner-random-0.state")).not.toBe(before);
  });

  it("keeps finished trials in the report when their first weights are gone", async () => {
    const missing: InitSource = { ...pretrained, load: async () => ({ kind: "unavailable", reason: "the file is not there" }) };
    for (const inits of [["random", "pretrained"], ["pretrained"]]) {
      const store = memoryStore();
      const small = only(config, "corner", { trials: 1, inits, baseline: undefined });
      // A source that is not there does not know its hash either.
      const names = async (source: InitSource) => (await study(small, store, { inits: new Map([["random", randomInit], ["pretrained", source]]) })).trials.map(({ name }) => name);
      const finished = await names({ ...pretrained, sha256: "abc" });
      expect(finished).toEqual(inits.map((init) => `corner-${init}-0`));
      expect(await names(missing)).toEqual(finished);
      const more = { ...small, trials: 2 };
      const gone: InitSource = { ...missing, load: async () => ({ kind: "unavailable", reason: "there is no w.pth", mustBeThere: true }) };
      expect(await names(gone)).toEqual(finished);
      await expect(study(more, store, { inits: new Map([["random", randomInit], ["pretrained", gone]]) })).rejects.toThrow("pretrained: there is no w.pth. corner-pretrained-1 has to begin with it.");
    }
  });

  it("refuses weights of another depth", async () => {
    const deep = config.tasks.corner as StudyConfig["tasks"][string];
    const other = { ...config, inits: ["random", "pretrained"], baseline: undefined, tasks: { corner: { ...deep, model: { ...deep.model, depth: 34 as const } } } };
    await expect(study(other, memoryStore(), { listener: () => { throw new Error("it began"); } })).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: pretrained: these weights are of a ResNet-18, the task's model is a ResNet-34. Set model.depth: 18.]`);
  });

  it("refuses weights that were trained with another stride", async () => {
    const early: InitSource = { ...pretrained, load: async () => ({ ...(await pretrained.load() as { kind: "weights"; tensors: StateDict }), numerics: { strideOn: "1x1", padding: "symmetric", bnEps: 1e-5, input: { mean: [0, 0, 0], std: [1, 1, 1], range: [0, 1] } } }) };
    await expect(study(only(config, "corner", { trials: 1 }), memoryStore(), { inits: new Map([["random", randomInit], ["pretrained", early]]) })).rejects.toThrow("trained with strideOn 1x1, the task's model has 3x3");
  });
});

describe("lessMemory", () => {
  const task = parseStudy(yaml).tasks.corner as StudyConfig["tasks"][string];
  it.each([
    [{ batch: 6, accumulate: 2 }, ["a smaller batch (6) or size (32)", "accumulate: 3", "evaluationBatch: 3", "precision: mixed"]],
    [{ batch: 4, accumulate: 4, precision: "mixed", evaluationBatch: 1 }, ["a smaller batch (4) or size (32)"]],
    [{ batch: 7, accumulate: 1, precision: "mixed", evaluationBatch: 5 }, ["a smaller batch (7) or size (32)", "accumulate: 7", "evaluationBatch: 2"]],
  ] as const)("of %o says what a study would take", (more, wanted) => {
    expect(lessMemory({ ...task, ...more })).toEqual(wanted);
  });
});

describe("parseStudy", () => {
  const broken = (change: (text: string) => string) => () => parseStudy(change(yaml), "small.yaml");

  it("names every field that is wrong", () => {
    expect(broken((t) => t.replace("batch: 4", "batch: 0").replace("loss: bce+dice", "loss: sum"))).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: small.yaml: 2 fields are wrong:
        tasks.corner.batch: Too small: expected number to be >0
        tasks.square.loss: Invalid option: expected one of "cross-entropy"|"bce"|"dice"|"bce+dice"]
    `);
    expect(broken((t) => t.replace("size: 32", "size: 32\n    colour: red"))).toThrow("colour");
    expect(broken((t) => t.replace("baseline: pretrained", "baseline: other"))).toThrow('baseline "other" is not among inits');
    expect(broken((t) => t.replace("loss: cross-entropy", "loss: dice"))).toThrow("a classifier's loss is cross-entropy or bce");
    expect(broken((t) => t.replace("batch: 4", "batch: 4\n    accumulate: 3"))).toThrow("accumulate 3 does not cut a batch of 4 into equal parts");
    expect(broken((t) => t.replace("trials: 2", "trials: 2\nmemoryBudget: lots"))).toThrow("memoryBudget: expected bytes, such as 500MB or 4GiB");
    expect(broken(() => "a: [")).toThrow("small.yaml: not valid YAML");
  });

  it("writes out every default", () => {
    expect(parseStudy(yaml.replace("trials: 2", "trials: 2\nmemoryBudget: 1.5 GiB")).memoryBudget).toBe(1.5 * 2 ** 30);
    expect(parseStudy(yaml).tasks.corner).toMatchObject({ accumulate: 1, labelSmoothing: 0, tenCrop: false, schedule: { kind: "plateau", patience: 5, factor: 0.5 }, model: { strideOn: "3x3", eps: 1e-5, freezeStages: null } });
  });
});
