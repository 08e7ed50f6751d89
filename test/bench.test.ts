// What the benchmarks rest on: numbers that every engine makes alike, statistics, results files and their page.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resnet, unet } from "@roentgen/models";
import { parseHTML } from "linkedom/worker";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkoutAround } from "../apps/cli/src/commands/bench.ts";
import { createProgram } from "../apps/cli/src/program.ts";
import { summary } from "../bench/harness.ts";
import { resultsPage } from "../bench/page.ts";
import { explained, PeerProcess, peerNames } from "../bench/peer-process.ts";
import { initial, weightsOf } from "../bench/peers/networks.ts";
import { Graph, networkModel } from "../bench/peers/onnx.ts";
import { integers, permuted, probeError, probeOf, values } from "../bench/peers/values.ts";
import { type Figure, fileName, ratio, readRun, readRuns, type Run, runSchema } from "../bench/results.ts";
import { geometricMean, quantile, repeatsFor, sample } from "../bench/sampling.ts";
import { chosen, suites } from "../bench/suites.ts";
import { limitOn } from "../bench/targets.ts";
import { browserPath, hasBrowser } from "./shared/browser-page.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "roentgen-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const adapter = { vendor: "mesa", architecture: "", device: "llvmpipe (LLVM 15.0.6, 256 bits)", description: "llvmpipe: Mesa 25", software: true, subgroupSize: 8, toggles: ["-timestamp_quantization"] };

function fixtureRun({ date = "2026-11-01T10:00:00.000Z", tfjs = 6, name = "llvmpipe: Mesa 25", figureName = "matrix product 1024", load = 0.5 } = {}): Run {
  return {
    format: "roentgen-bench/1", date, roentgen: "0.1.0", commit: "a".repeat(40), modified: false,
    machine: { cpu: "a processor", cores: 2, memoryGiB: 23.4, system: "linux x64", node: "v20.20.2", load: { start: load, end: load } },
    adapter: { ...adapter, description: name },
    options: { what: ["matmul"], peers: ["tfjs", "torch"], budgetSeconds: 1, rounds: 2 },
    benchmarks: [{
      name: "matmul", question: "how fast?", seconds: 12.5,
      engines: { roentgen: { version: "0.1.0", backend: name, toggles: [] }, tfjs: { version: "4.22.0", backend: name, toggles: [] } },
      results: [{ case: figureName, engine: "roentgen", samples: 9, medianMs: 50, minMs: 40, lowerQuartileMs: 45, upperQuartileMs: 60, roundMediansMs: [50, 55], gflopPerSecond: 42.9 }],
      figures: [{ name: figureName, unit: "GFLOP/s", better: "more", values: { roentgen: 42, tfjs, torch: 168 }, cpuMs: { roentgen: 100, tfjs: 500 } }, { name: "first step", unit: "s", better: "less", values: { roentgen: 5, tfjs: 17.5 } }],
      targets: [{ what: "matrix product 1024", value: 42, unit: "GFLOP/s", limit: 32, atMost: false, holds: true }, { what: "first step", value: 12, unit: "s", limit: 10, atMost: true, holds: false }],
      checks: [{ case: figureName, engine: "tfjs", what: "values", error: 1e-6, tolerance: 1e-4, holds: true }],
      notes: [{ what: "a note", value: 1, unit: "s" }],
      missing: [{ engine: "jax-js", what: "did not start", why: "not installed" }],
    }],
  };
}

describe("values for every engine", () => {
  it("are the formula that torch_peer.py repeats", () => {
    expect([...values("x", [2, 2], 2)]).toEqual([..."0123"].map((i) => Math.fround((integers("x", [4], 2 ** 32)[Number(i)] ?? 0) / 2 ** 30 - 2)));
    expect([...integers("labels", [4], 10)].every((label) => label >= 0 && label < 10)).toBe(true);
  });

  it.each([
    ["KRSC to KCRS", [2, 3, 4, 5], [0, 3, 1, 2]],
    ["KRSC to RSCK", [5, 2, 3, 4], [1, 2, 3, 0]],
    ["a matrix", [3, 7], [1, 0]],
  ])("are put into another order: %s", (_, shape, order) => {
    const data = values("d", shape);
    const to = order.map((axis) => shape[axis] ?? 1);
    const at = (index: readonly number[], dims: readonly number[]) => index.reduce((sum, i, axis) => sum * (dims[axis] ?? 1) + i, 0);
    const out = permuted(data, shape, order);
    for (let flat = 0; flat < out.length; flat++) {
      const index = to.map((n, axis) => Math.floor(flat / to.slice(axis + 1).reduce((a, b) => a * b, 1)) % n);
      const from = shape.map((__, axis) => index[order.indexOf(axis)] ?? 0);
      expect(out[flat]).toBe(data[at(from, shape)]);
    }
  });

  it("are probed in every channel, and compared against the largest", () => {
    const channels = new Set(probeOf(Float32Array.from({ length: 64 * 1024 }, (_, i) => i % 64)));
    expect(channels.size).toBeGreaterThan(50);
    expect(probeError([1, -4], [1, -4.4])).toBeCloseTo(0.1);
    for (const odd of [[1], [1, NaN], [1, Infinity]]) expect(probeError([1, 2], odd)).toBe(Infinity);
  });

  it.each([["resnet50", resnet({ depth: 50, classes: 10 })], ["unet", unet()]] as const)("fill the same weights as ours: %s", (name, model) => {
    const trained = [...model.parameters()].filter(({ kind }) => kind === "weight");
    const known = new Map(weightsOf(name).map((weight) => [weight.name, weight]));
    expect(new Map([...known].map(([path, { shape }]) => [path, [...shape]]))).toEqual(new Map(trained.map(({ path, shape }) => [path, [...shape]])));
    expect([...initial({ name: "bn1.weight", shape: [2] }), ...initial({ name: "bn1.bias", shape: [1] })]).toEqual([1, 1, 0]);
  });
});

describe("statistics", () => {
  it.each([[0, 1], [0.25, 1.75], [0.5, 2.5], [1, 4]])("interpolate the quantile %f", (q, expected) => expect(quantile([1, 2, 3, 4], q)).toBeCloseTo(expected));

  it("take a geometric mean and choose repeats", () => {
    expect(geometricMean([2, 8])).toBeCloseTo(4);
    expect([1, 2.5e8, 1e12].map((flops) => repeatsFor(flops, { software: true }))).toEqual([64, 2, 1]);
    expect([1e9, 1.5e10, 1e12].map((flops) => repeatsFor(flops, { software: false }))).toEqual([64, 14, 1]);
  });

  it("count what a run measured itself, and as many as asked for", async () => {
    let runs = 0;
    const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
    const { ms: samples, cpuMs } = await sample(async () => (await turn(), ++runs), { budgetSeconds: 0.01, minSamples: 3, warmUp: 2 });
    expect(samples.length).toBeGreaterThanOrEqual(3);
    expect(Math.min(...samples)).toBeGreaterThan(2);
    expect(cpuMs).toBeNaN();
  });

  it("rate the best round, and describe all", () => {
    expect(summary("tfjs", { name: "c", units: 2, flops: 1e9 }, [{ ms: [8, 8, 20], cpuMs: 12 }, { ms: [4, 6, 4], cpuMs: 10 }])).toEqual({
      case: "c", engine: "tfjs", samples: 6, roundMediansMs: [4, 2], medianMs: 3.5, minMs: 2, lowerQuartileMs: 2.25, upperQuartileMs: 4, gflopPerSecond: 500, cpuMs: 5,
    });
  });
});

describe("results", () => {
  it("are read as they were written", () => {
    const path = join(folder, "run.json");
    writeFileSync(path, JSON.stringify(fixtureRun()));
    expect(readRun(path)).toEqual(fixtureRun());
  });

  it.each([
    ["no JSON", "{"],
    ["another format", JSON.stringify({ ...fixtureRun(), format: "other" })],
    ["a key that is not ours", JSON.stringify({ ...fixtureRun(), host: "a name" })],
    ["a number that is none", JSON.stringify(fixtureRun()).replace("12.5", '"fast"')],
  ])("are refused: %s", (_, text) => {
    const path = join(folder, "bad.json");
    writeFileSync(path, text);
    expect(() => readRun(path)).toThrow(/bad\.json: expected a results file/);
  });

  it("of the repository are such files, and name no machine", () => {
    const runs = readRuns(join(root, "bench/results"));
    expect(runs.length).toBeGreaterThan(0);
    for (const run of runs) expect(JSON.stringify(run)).not.toMatch(/"\/|\/(home|root|tmp|work)\//);
  });

  it.each<[string, Figure, string, number | null]>([
    ["a rate", { name: "r", unit: "", better: "more", values: { roentgen: 30, tfjs: 6 } }, "tfjs", 5],
    ["a time", { name: "t", unit: "", better: "less", values: { roentgen: 2, tfjs: 6 } }, "tfjs", 3],
    ["a peer that is not there", { name: "t", unit: "", better: "less", values: { roentgen: 2 } }, "tfjs", null],
    ["nothing of ours", { name: "t", unit: "", better: "less", values: { tfjs: 2 } }, "tfjs", null],
  ])("give a ratio for %s", (_, figure, peer, expected) => expect(ratio(figure, peer)).toBe(expected));

  it("are named by date and adapter, no two alike", () => {
    expect(fileName(fixtureRun())).toBe("20261101-100000-llvmpipe.json");
    expect(fileName(fixtureRun(), ["20261101-100000-llvmpipe.json"])).toBe("20261101-100000-llvmpipe-2.json");
  });

  it.each([["convolution forward", true, 30], ["matrix product 4096", true, null], ["replay of tiny dispatches", true, 3]] as const)("have targets by adapter: %s", (name, software, limit) => {
    expect(limitOn(name, { software, description: "", device: "" })).toBe(limit);
    expect(limitOn(name, { software: false, description: "some GPU", device: "" })).toBeNull();
  });

  it("ask more of an H200", () => expect(limitOn("matrix product 4096", { software: false, description: "NVIDIA H200", device: "" })).toBe(40_000));
});

describe("the page", () => {
  const runs = [fixtureRun(), fixtureRun({ date: "2026-11-08T10:00:00.000Z", tfjs: 7 }), fixtureRun({ date: "2026-11-09T10:00:00.000Z", name: "another GPU", load: 4 })];
  const text = resultsPage(runs);
  const page = parseHTML(text).document as unknown as Document;
  const words = (page.body.textContent ?? "").replace(/\s+/g, " ");

  const cells = (made: Document, label: string) => [...(made.querySelector(`[aria-label="${label}"]`)?.querySelectorAll("tbody tr") ?? [])].map((row) => [...row.querySelectorAll("th, td")].map((c) => c.textContent));

  it("shows of each adapter the newest run of each benchmark, with ratios and targets", () => {
    expect([...page.querySelectorAll("h2")].map((h) => h.textContent)).toEqual(["Ratios over time", "llvmpipe: Mesa 25", "another GPU", "Runs"]);
    expect(cells(page, "Figures")).toEqual([["matrix product 1024", "42.0 GFLOP/s", "6.0×, 5.0× 7.00", "0.25× 168"], ["first step", "5.00 s", "3.5× 17.5", "–"]]);
    expect(words).toContain("matmul of 2026-11-08 10:00 UTC");
    expect(words).toContain("1 of 2 targets held in the newest run that judged them, 1 in every run that did");
  });

  describe("of runs that differ in peers and verdicts", () => {
    const at = (date: string, values: Record<string, number>, reached: number, extra: Partial<Run["benchmarks"][number]> = {}): Run => {
      const whole = fixtureRun({ date });
      const target = { what: "resnet50 step against torch", value: reached, unit: "of its speed", limit: 0.6, atMost: false, holds: reached >= 0.6 };
      return { ...whole, benchmarks: whole.benchmarks.map((b) => ({ ...b, figures: [{ name: "a step", unit: "images/s", better: "more" as const, values }], targets: [target], ...extra })) };
    };
    const made = parseHTML(resultsPage([
      at("2026-11-01T10:00:00.000Z", { roentgen: 20, tfjs: 2, "jax-js": 4, torch: 40 }, 0.5, { targets: [{ what: "resnet50 step against tfjs", value: 10, unit: "times its speed", limit: 18, atMost: false, holds: false }] }),
      at("2026-11-02T10:00:00.000Z", { roentgen: 24, tfjs: 2, torch: 40 }, 0.6),
      at("2026-11-03T10:00:00.000Z", { roentgen: 25, torch: 50 }, 0.5),
      at("2026-11-04T10:00:00.000Z", { roentgen: 30, torch: 40 }, 0.75),
      at("2026-11-04T11:00:00.000Z", { roentgen: 28 }, 0.7, { targets: [] }),
    ])).document as unknown as Document;
    const text = made.body.textContent ?? "";

    it("shows each peer beside ours of its newest run, with that run's ratio and date", () => {
      expect(cells(made, "Figures")).toEqual([["a step", "28.0 images/s", "12× 2.00, 2026-11-02", "5.0× 4.00, 2026-11-01", "0.75× 40.0, 10:00"]]);
      expect([...made.querySelectorAll('[aria-label="Figures"] td[title]')].map((c) => c.getAttribute("title"))).toEqual(["2026-11-04 11:00 UTC", "2026-11-02 10:00 UTC, ours 24.0", "2026-11-01 10:00 UTC, ours 20.0", "2026-11-04 10:00 UTC, ours 30.0"]);
      expect(made.querySelector('svg[aria-label*="a step, tfjs 12×; a step, jax-js 5.0×; a step, torch 0.75×"]')).not.toBeNull();
    });

    it("says of each target in how many runs it held, and which were not judged", () => {
      expect(cells(made, "Targets")).toEqual([
        ["resnet50 step against tfjs", "at least 18.0 times its speed", "10.0", "–", "no", "0 of 1 run"],
        ["resnet50 step against torch", "at least 0.600 of its speed", "0.750", "–", "yes", "2 of 3 runs"],
      ]);
      expect(text).toContain("1 of 2 targets held in the newest run that judged them, 0 in every run that did, by the clock.");
      const [never = ""] = /Targets that no run judged: .*/.exec(text) ?? [];
      expect(never).toContain("unet step against tfjs; ");
      for (const name of ["resnet50 step against torch;", "matrix product 4096"]) expect(never).not.toContain(name);
    });
  });

  it("draws a panel for each figure, of all runs", () => {
    const panels = [...page.querySelectorAll(".panel svg")].map((svg) => svg.getAttribute("aria-label") ?? "");
    expect(panels).toHaveLength(2);
    expect(panels[0]).toContain("2026-11-01 tfjs 7.0×; 2026-11-01 torch 0.25×; 2026-11-08 tfjs 6.0×");
  });

  it("says that the machine was busy where it was", () => {
    expect([...page.querySelectorAll(".notice")].map((p) => p.textContent)).toEqual([expect.stringContaining("2026-11-09 10:00 UTC, its load was 4.0")]);
  });

  it("needs no network and no script, and shows names as text", () => {
    const hostile = `</td><script>alert(1)</script>"`;
    for (const made of [text, resultsPage([fixtureRun({ name: hostile, figureName: hostile })])]) {
      expect(made.replaceAll("http://www.w3.org/", "")).not.toMatch(/<script|https?:|NaN|undefined/i);
    }
  });

  describe.skipIf(!hasBrowser)("in a browser", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
    });
    afterAll(() => browser?.close());

    /** Widths in CSS pixels: of the page, and of each table and the box that it may scroll in. */
    async function widths(made: string, width: number) {
      const view = await browser.newPage({ viewport: { width, height: 900 } });
      await view.setContent(made);
      const measured = await view.evaluate(() => ({ page: document.documentElement.scrollWidth, tables: [...document.querySelectorAll(".scroll")].map((box) => ({ label: box.getAttribute("aria-label"), width: box.scrollWidth, box: box.clientWidth })) }));
      await view.close();
      return measured;
    }

    /** Every peer, each last of another run. */
    const crowded = ["torch", "tfjs", "jax-js", "ort", "torch-cuda", "roentgen"].map((peer, i) => {
      const made = fixtureRun({ date: `2026-11-1${i}T10:00:00.000Z`, name: "llvmpipe: Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6) 0.0.1" });
      const figures = [{ name: "resnet50, batch 4, 64 pixels: resident while it trains", unit: "images/s", better: "more" as const, values: { roentgen: 123.4, [peer]: 0.01234 }, cpuMs: { roentgen: 1, [peer]: 123 } }];
      return { ...made, options: { ...made.options, peers: [...peerNames] }, benchmarks: made.benchmarks.map((b) => ({ ...b, figures })) };
    });
    const made = resultsPage(crowded);

    it("has all columns on a laptop", async () => {
      const { tables } = await widths(made, 1280);
      expect(tables.length).toBeGreaterThan(0);
      for (const table of tables) expect(table.width, table.label ?? "").toBeLessThanOrEqual(table.box);
    });

    it("scrolls tables in boxes of their own on a phone", async () => {
      const measured = await widths(made, 390);
      expect(measured.page).toBe(390);
      expect(measured.tables.find(({ label }) => label === "Figures")?.box).toBeLessThan(390);
    });
  });

  it("is drawn of a run without peers, too", () => {
    const lone = fixtureRun();
    const [benchmark] = lone.benchmarks;
    if (!benchmark) throw new Error("internal: the fixture has a benchmark.");
    expect(resultsPage([{ ...lone, benchmarks: [{ ...benchmark, figures: [], targets: [], checks: [] }] }])).toContain("No run had a peer.");
  });
});

describe("the choice of benchmarks", () => {
  it.each([
    [["kernels"], ["conv2d", "matmul", "batch-norm", "optimizer", "replay"]],
    [["startup", "memory"], ["memory", "start-up"]],
    [["infer", "models"], ["train-step", "train-unet", "infer"]],
  ])("%s", (names, expected) => expect(chosen(names)).toEqual(expected));

  it("is all files without a name, and an error for another", () => {
    const files = readdirSync(join(root, "bench")).filter((name) => name.endsWith(".bench.ts")).map((name) => name.replace(".bench.ts", ""));
    expect(chosen([]).sort()).toEqual(files.sort());
    expect(() => chosen(["conv3d"])).toThrow(/nothing is called conv3d.*kernels.*conv2d/);
  });

  it("is told by the command's help, with the peers", () => {
    const help = createProgram().commands.find((command) => command.name() === "bench")?.helpInformation() ?? "";
    for (const name of [...Object.keys(suites), ...peerNames]) expect(help).toContain(name);
  });
});

describe("peers", () => {
  const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8")) as Record<string, Record<string, string> | undefined> & { packages: Record<string, { version?: string; integrity?: string; resolved?: string }> };

  it("are locked to exact versions, and to no address but the registry's", () => {
    const { dependencies = {} } = read("bench/peers/package.json");
    const { packages } = read("bench/peers/package-lock.json");
    for (const [name, version] of Object.entries(dependencies)) expect(packages[`node_modules/${name}`]?.version).toBe(version);
    for (const [path, { integrity, resolved }] of Object.entries(packages)) {
      if (path !== "") expect(integrity, path).toMatch(/^sha512-/);
      expect(resolved ?? "https://registry.npmjs.org/").toMatch(/^https:\/\/registry\.npmjs\.org\//);
    }
  });

  it("are no dependency of the product", () => {
    const peers = Object.keys(read("bench/peers/package.json").dependencies ?? {});
    const { packages } = read("package-lock.json");
    for (const peer of peers) expect(packages[`node_modules/${peer}`]).toBeUndefined();
  });

  it.each([
    ["tfjs", "Error [ERR_MODULE_NOT_FOUND]: Cannot find package", /npm ci --ignore-scripts --prefix bench\/peers/],
    ["torch", "ModuleNotFoundError: No module named 'torch'", /ROENTGEN_PYTHON/],
    ["torch", "spawn python3 ENOENT", /ROENTGEN_PYTHON/],
    ["ort", "something else", /^something else$/],
  ] as const)("say how to get %s where it is missing", (name, why, expected) => expect(explained(name, why)).toMatch(expected));

  it("that cannot start are told apart from those that fail", async () => {
    process.env.ROENTGEN_PYTHON = join(folder, "no-python");
    try {
      const peer = new PeerProcess("torch");
      await expect(peer.ask({ work: { kind: "matmul", n: 2 }, units: 1, budgetSeconds: 0, minSamples: 0, warmUp: 0 })).rejects.toThrow(/PyTorch not found/);
      peer.close();
    } finally {
      delete process.env.ROENTGEN_PYTHON;
    }
  });

  it("answer requests one by one: times, values, refusals and failures", () => {
    const script = `
      import { serve, Unsupported } from ${JSON.stringify(join(root, "bench/peers/serve.ts"))};
      console.log("what a library prints");
      await serve({ version: "1", backend: "none", toggles: [] }, {
        async matmul({ n }, units) {
          if (n === 1) throw new Unsupported("too small");
          if (n === 2) throw new Error("broken");
          return { run: () => new Promise((done) => setTimeout(done, 2 * units)), probe: async () => [n], dispose() {} };
        },
      });`;
    const requests = [4, 4, 1, 2].map((n, id) => ({ id, work: { kind: "matmul", n }, units: 5, budgetSeconds: 0.01, minSamples: 2, warmUp: 1 }));
    const input = [...requests, { ...requests[0], id: 4, work: { kind: "adam" } }].map((request) => `${JSON.stringify(request)}\n`).join("");
    const { status, stdout } = spawnSync(process.execPath, ["--conditions=source", "--import", "tsx", "--input-type=module", "-e", script], { cwd: root, encoding: "utf8", input });
    const answers = stdout.split("\n").filter((line) => line.startsWith("\u001e")).map((line) => JSON.parse(line.slice(1)) as Record<string, unknown>);
    expect({ status, kinds: answers.map((answer) => Object.keys(answer).join(" ")) }).toEqual({
      status: 0,
      kinds: ["hello", "id firstEndedAt samples cpuMs memory probe", "id firstEndedAt samples cpuMs memory", "id unsupported", "id error", "id unsupported"],
    });
    // One unit takes 2 ms; a busy machine may take longer, never less.
    for (const ms of answers[1]?.samples as number[]) expect(ms).toBeGreaterThan(1.9);
    expect(answers[4]?.error).toContain("broken");
  });

  /** The fields of a protobuf message, by number. Throws where the bytes are none. */
  function fields(bytes: Uint8Array): Map<number, (number | Uint8Array)[]> {
    const found = new Map<number, (number | Uint8Array)[]>();
    let at = 0;
    const varint = () => {
      let [value, scale] = [0, 1];
      for (; ; scale *= 128) {
        const byte = bytes[at++];
        if (byte === undefined) throw new Error("cut off");
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const key = varint();
      const put = (value: number | Uint8Array) => found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
      if ((key & 7) === 0) put(varint());
      else {
        const length = (key & 7) === 5 ? 4 : varint();
        if (at + length > bytes.length) throw new Error("cut off");
        put(bytes.subarray(at, (at += length)));
      }
    }
    return found;
  }

  it("of ONNX get a model that is one: nodes, weights, input and output", () => {
    const graph = new Graph();
    const y = graph.node("Conv", [graph.input("x", [1, 1, 4, 4]), graph.constant("w", [1, 1, 3, 3], new Float32Array(9))], { pads: [1, 1, 1, 1], group: 1 });
    const model = fields(graph.model(y, [1, 1, 4, 4]));
    expect(model.get(1)).toEqual([8]);
    const inner = fields(model.get(7)?.[0] as Uint8Array);
    expect([1, 5, 11, 12].map((field) => inner.get(field)?.length)).toEqual([1, 1, 1, 1]);
    expect((fields(inner.get(5)?.[0] as Uint8Array).get(9)?.[0] as Uint8Array).length).toBe(36);
  });

  it("of ONNX get all of ResNet-50", () => {
    const graph = fields(fields(networkModel("resnet50", 1, 32)).get(7)?.[0] as Uint8Array);
    const nodes = (graph.get(1) ?? []).map((node) => new TextDecoder().decode(fields(node as Uint8Array).get(4)?.[0] as Uint8Array));
    expect([nodes.filter((op) => op === "Conv").length, nodes.filter((op) => op === "BatchNormalization").length, nodes.at(-1)]).toEqual([53, 53, "Gemm"]);
    // 161 that are trained and two statistics of each batch norm.
    expect(graph.get(5)?.length).toBe(161 + 2 * 53);
  });
});

describe("roentgen bench", () => {
  const command = (args: readonly string[]) => ["--conditions=source", "--import", "tsx", join(root, "apps/cli/src/main.ts"), "bench", ...args];
  const run = (args: readonly string[]) => spawnSync(process.execPath, command(args), { cwd: root, encoding: "utf8" });

  it.each([
    ["a benchmark that does not exist", ["conv3d"], /^ConfigError: bench: nothing is called conv3d\./m],
    ["seconds that are none", ["--seconds", "soon"], /Expected seconds/],
    ["results for a place that takes no files", ["matmul", "--peers", "none", "--json", "/proc/x.json"], /^ConfigError: bench: \/proc\/x\.json cannot be written: .+\.\n$/],
    ["results for a folder that cannot be made", ["matmul", "--peers", "none", "--save", "--json", "package.json/x.json"], /^ConfigError: bench: .+package\.json.x\.json cannot be written: .+\.\n$/],
    ["results for a folder", ["matmul", "--peers", "none", "--json", "bench"], /^ConfigError: bench: .+bench cannot be written: it is a folder\.\n$/],
    ["a page where none can be", ["--page", "package.json/x.html"], /^ConfigError: bench: .+x\.html cannot be written: .+\.\n$/],
  ])("ends with 2 for %s", (_, args, said) => {
    const { status, stdout, stderr } = run(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(said);
  });

  it.skipIf(process.env.ROENTGEN_REQUIRE_GPU !== "1")("keeps each benchmark when it is finished, and says that it was interrupted", async () => {
    const path = join(folder, "new/run.json");
    const child = spawn(process.execPath, command(["matmul", "optimizer", "--peers", "none", "--rounds", "1", "--json", path]), { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
    const closed = once(child, "close");
    let said = "";
    let written: Run | null = null;
    for await (const text of child.stderr.setEncoding("utf8")) {
      said += text as string;
      if (written || !said.includes("optimizer (2 of 2)")) continue;
      child.kill("SIGTERM");
      // It is there already: a process that is killed leaves it as well.
      written = readRun(path);
    }
    expect((await closed)[0]).toBe(130);
    expect(said).toContain("roentgen: interrupted: 1 of 2 benchmarks are finished and kept\n");
    expect(written?.benchmarks.map(({ name }) => name)).toEqual(["matmul"]);
    expect(readRun(path)).toEqual(written);
    expect(readdirSync(join(folder, "new"))).toEqual(["run.json"]);
  });

  it("draws the page of the results that are kept", () => {
    const path = join(folder, "page.html");
    expect(run(["--page", path])).toMatchObject({ status: 0, stdout: `${path}\n` });
    expect(readFileSync(path, "utf8")).toContain("<h1>roentgen beside its peers</h1>");
  });

  it("is found from inside the repository alone", () => {
    expect(checkoutAround(join(root, "apps/cli/src/commands"))).toBe(root);
    expect(checkoutAround(folder)).toBeNull();
  });

  it("keeps what it promises of a results file", () => expect(runSchema.parse(fixtureRun())).toEqual(fixtureRun()));
});
