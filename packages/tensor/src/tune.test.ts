import { openDevice } from "@roentgen/gpu/node";
import { relu as reluKernels } from "@roentgen/kernels";
import { describe, expect, it } from "vitest";
import { collectTasks, type OpenTask, useTuning } from "./choice.ts";
import { groups, launch } from "./op.ts";
import { relu } from "./ops/relu.ts";
import { matmul } from "./ops/matmul.ts";
import { record, spec } from "./record.ts";
import { empty, type Tensor } from "./tensor.ts";
import { withDevice } from "./testing/check-op.ts";
import { type Attempt, type Finding, parseTuning, tune, type Tuning, tuningFor, tuningIdentity, winnerAmong, winnersOf } from "./tune.ts";

const attempt = (family: string, timeMs: number | null, fault?: string): Attempt => ({ family, timeMs, error: 0, ...(fault ? { fault } : {}) });

describe("the winner", () => {
  it.each([
    ["is the fastest", [attempt("guess", 3), attempt("other", 2), attempt("plain", 9)], "other"],
    ["is the guess where another is faster only within the noise", [attempt("guess", 3), attempt("other", 2.95)], "guess"],
    ["is the guess where another's median is above the guess's best", [{ ...attempt("guess", 3), leastMs: 2.1 }, { ...attempt("other", 2.2), leastMs: 1.1 }], "guess"],
    ["is never one that is wrong", [attempt("guess", 3), attempt("other", 1, "differs")], "guess"],
    ["is another where the guess is wrong", [attempt("guess", 1, "differs"), attempt("other", 2), attempt("plain", 5)], "other"],
    ["is never one that was not timed", [attempt("guess", null), attempt("plain", 5)], "plain"],
  ])("%s", (_, attempts, want) => {
    expect(winnerAmong(attempts)).toBe(want);
  });
});

describe("a tuning read from a file", () => {
  const tuning: Tuning = { version: 1, identity: "{}", findings: { "matmul f32 4x4": { winner: "lanes", attempts: [attempt("lanes", 1)] } } };

  it("is what was written", () => {
    expect(parseTuning(JSON.stringify(tuning))).toEqual(tuning);
  });

  it.each(["", "null", "[]", "{\"version\":2}", JSON.stringify({ ...tuning, identity: 3 }), JSON.stringify({ ...tuning, findings: { a: { winner: 1 } } }),
    ...[
      { winner: "lanes", attempts: [null] }, { winner: "lanes", attempts: [{ ...attempt("lanes", 1), timeMs: "1" }] }, { winner: "nosuch", attempts: [attempt("lanes", 1)] },
      { winner: "lanes", attempts: [attempt("lanes", null)] }, { winner: "lanes", attempts: [attempt("lanes", 1, "differs")] }, null,
    ].map((finding) => JSON.stringify({ ...tuning, findings: { a: finding } })),
  ])("is nothing if it is %s", (text) => {
    expect(parseTuning(text)).toBeNull();
  });
});

withDevice("tuning", (device) => {
  /** Two inputs, relu of the first: as it should be, done thrice, and one that takes the second. */
  const task: OpenTask = {
    key: "relu of the first",
    inputs: [spec("f32", [64, 1024]), spec("f32", [64, 1024])],
    ways: [
      { name: "thrice", compute: (x) => relu(relu(relu(x as Tensor))) },
      { name: "wrong", compute: (_, y) => relu(y as Tensor) },
      { name: "plain", compute: (x) => relu(x as Tensor) },
    ],
  };

  it("times each way and refuses one with other results", async () => {
    const told: string[] = [];
    const { findings } = await tune(device(), [task], { budgetMs: 30, onProgress: (done, all, key) => told.push(`${done}/${all} ${key}`) });
    const found = findings[task.key];
    expect(told).toEqual(["1/1 relu of the first"]);
    expect(found?.winner).not.toBe("wrong");
    expect(found?.attempts.map(({ family, timeMs }) => [family, timeMs !== null && timeMs > 0])).toEqual([["thrice", true], ["wrong", false], ["plain", true]]);
    expect(found?.attempts[1]?.fault).toContain("differs from the plain kernels");
    expect(found?.attempts[0]?.error).toBe(0);
  });

  it("passes over a way that does not compile and one that does not fit, and says why", async () => {
    const small = await openDevice({ budgetBytes: 4e6 });
    const { forward } = reluKernels;
    const into = (name: string, elements: number, kernel: typeof forward): OpenTask["ways"][number] => ({ name, compute: (x) => {
      const y = empty(small, [elements]);
      launch(kernel, { x: x as Tensor, y, params: { n: 64 * 256 } }, groups(kernel, 64 * 256));
      return y;
    } });
    const broken = { ...forward, name: "broken.forward", source: forward.source.replace("params.n)", "params.none)") };
    try {
      const { findings } = await tune(small, [{ ...task, ways: [into("broken", 64 * 1024, broken), into("large", 1e6, forward), ...task.ways] }], { budgetMs: 1 });
      const { winner, attempts } = findings[task.key] as Finding;
      expect(winner).toMatch(/plain|thrice/);
      expect(attempts.slice(0, 2)).toEqual([
        { family: "broken", timeMs: null, error: null, fault: expect.stringMatching(/^broken\.forward: the shader does not compile/) },
        { family: "large", timeMs: null, error: null, fault: expect.stringMatching(/^plan "tuning large [^]* needs 3\.8 MiB on top of/), short: true },
      ]);
      expect(attempts.map(({ timeMs }) => timeMs !== null)).toEqual([false, false, true, false, true]);
    } finally {
      small.close();
    }
  });

  it("keeps a single sample of a way that fits alone, but not beside the others", async () => {
    const small = await openDevice({ budgetBytes: 900_000 });
    const again = { name: "again", compute: (x?: Tensor) => relu(x as Tensor) };
    try {
      const { findings } = await tune(small, [{ ...task, ways: [again, task.ways[2] as typeof again] }], { budgetMs: 1 });
      expect(findings[task.key]?.attempts.map(({ timeMs, fault }) => [timeMs !== null, fault])).toEqual([[true, undefined], [true, undefined]]);
      expect(findings[task.key]?.attempts.map(({ leastMs, short }) => [leastMs !== undefined, short])).toEqual([[true, undefined], [false, true]]);
    } finally {
      small.close();
    }
  });

  it("throws where the device is lost, or the plain kernels are refused", async () => {
    const own = await openDevice();
    const lost = (x?: Tensor) => {
      own.gpu?.destroy();
      return relu(x as Tensor);
    };
    try {
      await expect(tune(own, [{ ...task, ways: [{ name: "lost", compute: lost }, ...task.ways] }])).rejects.toThrow("the GPU device was lost");
    } finally {
      own.close();
    }
    const large = { name: "plain", compute: () => empty(device(), [2 ** 40]) };
    await expect(tune(device(), [{ ...task, ways: [...task.ways.slice(0, 2), large] }])).rejects.toThrow(/OutOfMemory|alone is/);
  });

  it("knows what it found, unless the shaders or the adapter are others", async () => {
    const known: Tuning = { version: 1, identity: tuningIdentity(device().info), findings: { [task.key]: { winner: "thrice", attempts: [] } } };
    let measured = 0;
    const options = { budgetMs: 1, onProgress: () => measured++ };
    expect(await tune(device(), [task], { ...options, known })).toEqual(known);
    expect(measured).toBe(0);
    await tune(device(), [task], { ...options, known: { ...known, identity: "another" } });
    expect(measured).toBe(1);
  });

  it("keeps each finding at once, measures nothing twice, and tells of these tasks alone", async () => {
    const kept: Tuning[] = [];
    const store = { read: async () => kept.at(-1) ?? null, write: async (tuning: Tuning) => kept.push(tuning) };
    const other: OpenTask = { ...task, key: "another" };
    const measured: string[] = [];
    const options = { measure: true, budgetMs: 1, onProgress: (done: number, all: number, key: string) => measured.push(`${done}/${all} ${key}`) };
    await tuningFor(device(), [task, other], store, options);
    expect(kept.map(({ findings }) => Object.keys(findings))).toEqual([[task.key], [task.key, other.key]]);
    expect(Object.keys((await tuningFor(device(), [other], store, options)).findings)).toEqual([other.key]);
    expect(measured).toEqual(["1/2 relu of the first", "2/2 another"]);
    expect((await tuningFor(device(), [{ ...task, key: "unknown" }], store, { measure: false })).findings).toEqual({});
  });

  it("times a computation, not the wait for it, however little is to be spent", async () => {
    const { findings } = await tune(device(), [task], { budgetMs: 0.01 });
    // Some 0.05 ms; that the queue is idle is noticed after one.
    expect(findings[task.key]?.attempts.find(({ family }) => family === "plain")?.timeMs).toBeLessThan(0.8);
  });

  it("samples the guess however slow it was at first, and another only where there is hope", async () => {
    const slow = (name: string) => ({ name, compute: (x?: Tensor) => Array.from({ length: 200 }).reduce<Tensor>((y) => relu(y), x as Tensor) });
    const { findings } = await tune(device(), [{ ...task, ways: [slow("guess"), slow("other"), ...task.ways.slice(2)] }], { budgetMs: 1 });
    const least = Object.fromEntries((findings[task.key]?.attempts ?? []).map(({ family, leastMs }) => [family, leastMs]));
    expect(least).toEqual({ guess: expect.any(Number), other: undefined, plain: expect.any(Number) });
  });

  it("measures again what is known, and keeps it where it is interrupted before that", async () => {
    const tasks = [task, { ...task, key: "another" }, { ...task, key: "third" }];
    const before: Tuning = { version: 1, identity: tuningIdentity(device().info), findings: Object.fromEntries(["other", ...tasks.map(({ key }) => key)].map((key) => [key, { winner: "plain", attempts: [attempt("plain", 1e6)] }])) };
    let kept = before;
    const store = { read: async () => kept, write: async (tuning: Tuning) => void (kept = tuning) };
    const interrupt = new AbortController();
    const found = await tuningFor(device(), tasks, store, { measure: true, again: true, budgetMs: 1, signal: interrupt.signal, onProgress: (done) => void (done === 2 && interrupt.abort()) });
    expect(Object.keys(kept.findings).sort()).toEqual(Object.keys(before.findings).sort());
    const isNew = (key: string) => (kept.findings[key]?.attempts.length ?? 0) > 1;
    expect([...tasks.map(({ key }) => isNew(key)), isNew("other")]).toEqual([true, true, false, false]);
    expect(found.findings).toEqual(Object.fromEntries(tasks.map(({ key }) => [key, kept.findings[key]])));
  });

  it("keeps what another found meanwhile, goes on where nothing can be kept, and ends at an interrupt", async () => {
    const other: Tuning = { version: 1, identity: tuningIdentity(device().info), findings: { other: { winner: "plain", attempts: [attempt("plain", 1)] } } };
    const reads = [null, other];
    const written: Tuning[] = [];
    const shared = { read: async () => reads.shift() ?? null, write: async (tuning: Tuning) => written.push(tuning) };
    expect(Object.keys((await tuningFor(device(), [task], shared, { measure: true, budgetMs: 1 })).findings)).toEqual([task.key]);
    expect(written.map(({ findings }) => Object.keys(findings))).toEqual([["other", task.key]]);

    const lost: string[] = [];
    const full = { read: async () => null, write: () => Promise.reject(new Error("no space")) };
    const tasks = [task, { ...task, key: "another" }];
    const kept = await tuningFor(device(), tasks, full, { measure: true, budgetMs: 1, onLost: ({ message }) => lost.push(message) });
    expect([Object.keys(kept.findings), lost]).toEqual([[task.key, "another"], ["no space"]]);

    const interrupt = new AbortController();
    const some = await tuningFor(device(), tasks, full, { measure: true, budgetMs: 1, signal: interrupt.signal, onProgress: () => interrupt.abort() });
    expect(Object.keys(some.findings)).toEqual([task.key]);
  });

  it("keeps nothing of what memory was short for", async () => {
    const small = await openDevice({ budgetBytes: 4e6 });
    const { forward } = reluKernels;
    const large = { name: "large", compute: (x?: Tensor) => {
      const y = empty(small, [1e6]);
      launch(forward, { x: x as Tensor, y, params: { n: 64 * 256 } }, groups(forward, 64 * 256));
      return y;
    } };
    const kept: Tuning[] = [];
    const store = { read: async () => kept.at(-1) ?? null, write: async (tuning: Tuning) => kept.push(tuning) };
    try {
      const found = await tuningFor(small, [{ ...task, ways: [large, ...task.ways] }, { ...task, key: "another" }], store, { measure: true, budgetMs: 1 });
      expect(Object.keys(found.findings)).toEqual([task.key, "another"]);
      expect(Object.keys(kept.at(-1)?.findings ?? {})).toEqual(["another"]);
    } finally {
      small.close();
    }
  });

  it("decides which kernels a recorded function launches", async () => {
    const work = () => record(device(), "product", (a, b) => matmul(a, b), [spec("f32", [32, 16]), spec("f32", [16, 32])]);
    const kernelsOf = () => {
      const step = work();
      step.dispose();
      return step.plan.dispatches.map((d) => d.kernel.name);
    };
    const [guessed, tasks] = [kernelsOf(), collectTasks(device(), () => work().dispose())];
    const [product] = tasks;
    expect(tasks.map(({ key }) => key)).toEqual(["matmul f32 1x32x16 * 1x16x32"]);
    const others = product?.ways.filter(({ name }) => name !== product.ways[0]?.name) ?? [];
    for (const { name } of others) {
      useTuning(device(), winnersOf({ version: 1, identity: "", findings: { [product?.key ?? ""]: { winner: name, attempts: [] } } }));
      expect(kernelsOf()).not.toEqual(guessed);
    }
    useTuning(device(), new Map());
    expect(kernelsOf()).toEqual(guessed);
  });
});
