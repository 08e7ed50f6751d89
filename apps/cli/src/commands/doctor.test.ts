import { afterEach, describe, expect, it, vi } from "vitest";
import { diagnose, type Diagnosis, formatDiagnosis, problemsOf } from "./doctor.ts";

const lavapipe = { path: "/usr/share/vulkan/icd.d/lvp_icd.json", library: "libvulkan_lvp.so", apiVersion: "1.4.305", used: true };
const vulkan = { loader: "/usr/lib/libvulkan.so.1", drivers: [lavapipe], missing: [], devices: [] };
const adapter = { vendor: "mesa", architecture: "software", device: "llvmpipe", description: "llvmpipe 25", software: true, subgroupSize: 8, features: ["timestamp-query"], toggles: [], platform: "node" as const };
const facts = { node: "20.19.0", vulkan, adapter, why: "" };

describe("problemsOf", () => {
  it("finds nothing where nothing is missing", () => {
    expect(problemsOf(facts)).toEqual([]);
  });

  it.each([
    ["Node is too old", { ...facts, node: "20.18.3" }, "Node 20.18.3 is too old", true],
    ["there is no loader", { ...facts, adapter: null, vulkan: { ...vulkan, loader: null } }, "no Vulkan loader", true],
    ["there is no driver", { ...facts, adapter: null, vulkan: { ...vulkan, drivers: [] } }, "no Vulkan driver", true],
    ["the only driver is not used", { ...facts, adapter: null, vulkan: { ...vulkan, drivers: [{ ...lavapipe, used: false }] } }, "no Vulkan driver", true],
    ["the environment names what is not there", { ...facts, adapter: null, vulkan: { ...vulkan, missing: ["/a.json"] } }, "names /a.json", true],
    ["Dawn refuses the driver", { ...facts, adapter: null, why: "no WebGPU adapter found." }, "accepts none of the drivers (/usr/share/vulkan/icd.d/lvp_icd.json): no WebGPU adapter found.", true],
    ["the adapter fails", { ...facts, why: "the device ran out of memory" }, "the adapter failed when it was measured: the device ran out of memory", true],
    ["Dawn is not installed", { ...facts, adapter: null, why: "Cannot find package 'webgpu'" }, "Dawn cannot be loaded", true],
    ["another system has no adapter", { ...facts, vulkan: null, adapter: null, why: "no WebGPU adapter found." }, "no WebGPU adapter found.", true],
    ["a GPU is left unused", { ...facts, vulkan: { ...vulkan, devices: ["/dev/dri/renderD128"] } }, "there is a GPU (/dev/dri/renderD128)", false],
    ["nothing can be measured", { ...facts, adapter: { ...adapter, features: [] } }, "no timestamp-query", false],
  ])("says so where %s, with what to do", (_, found, what, fatal) => {
    const [problem, ...others] = problemsOf(found);
    expect(others).toEqual([]);
    expect(problem?.what).toContain(what);
    expect(problem?.fatal).toBe(fatal);
    expect(problem?.fix).toMatch(/\w/);
  });

  it("blames no driver for an adapter that was asked for by another name", () => {
    const why = 'no adapter named "amd": the driver offers llvmpipe';
    expect(problemsOf({ ...facts, adapter: null, why })).toMatchObject([{ what: why, fix: expect.stringContaining("--adapter"), fatal: true }]);
  });
});

describe("diagnose", () => {
  afterEach(() => {
    vi.doUnmock("@roentgen/gpu");
    vi.doUnmock("@roentgen/gpu/node");
  });

  it("keeps the adapter and what was measured where the device fails, and closes it", async () => {
    const barriers = { measured: { withUs: 9, withoutUs: 3 }, costly: false };
    const close = vi.fn();
    vi.doMock("@roentgen/gpu/node", () => ({ adapterInfo: async () => ({ ...adapter, limits: {} }), openDevice: async () => ({ close }) }));
    vi.doMock("@roentgen/gpu", () => ({ probeBarriers: async () => barriers, measureCeilings: () => Promise.reject(new Error("the GPU device was lost.")) }));
    const found = await diagnose({});
    expect([found.adapter?.device, found.barriers, found.ceilings]).toEqual(["llvmpipe", barriers, null]);
    expect(found.problems[0]).toMatchObject({ what: "the adapter failed when it was measured: the GPU device was lost", fatal: true });
    expect(close).toHaveBeenCalledTimes(1);
  });
});

describe("formatDiagnosis", () => {
  const diagnosis: Diagnosis = {
    roentgen: "0.1.0", node: "v20.19.0", system: "linux x64, 6.1", processors: "2 x CPU, 8.0 GiB", vulkan,
    adapter: { ...adapter, limits: { maxBufferSize: 2 ** 31, maxComputeInvocationsPerWorkgroup: 1024 } }, problems: [],
    barriers: { measured: { withUs: 9000, withoutUs: 300 }, costly: true },
    ceilings: { gflopPerSecond: 143.2, halfGflopPerSecond: 20.1, gigabytesPerSecond: 22.7, cachedGigabytesPerSecond: 23, launchMs: 0.0298, samples: { f32: [], f16: [], copy: [] }, doubts: [] },
  };

  it("shows the adapter and that it is software", () => {
    expect(formatDiagnosis(diagnosis)).toMatchInlineSnapshot(`
      "roentgen                           0.1.0
      node                               v20.19.0
      system                             linux x64, 6.1
      processors                         2 x CPU, 8.0 GiB
      Vulkan loader                      /usr/lib/libvulkan.so.1
      GPU devices                        none
      driver file                        /usr/share/vulkan/icd.d/lvp_icd.json (libvulkan_lvp.so, Vulkan 1.4.305)
      adapter                            llvmpipe 25
      vendor                             mesa, software, llvmpipe
      kind                               software: computes on the processor
      subgroups                          of 8
      features                           timestamp-query
      Dawn toggles                       none
      barriers                           costly: 30 times slower with them
      at its best                        143.2 GFLOP/s in f32, 20.1 in f16; 22.7 GB/s copied; 29.8 µs an empty dispatch
      maxBufferSize                      2147483648 (2048 MiB)
      maxComputeInvocationsPerWorkgroup  1024

      Nothing is missing."
    `);
  });

  it("ends with the problem and what fixes it", () => {
    const lines = formatDiagnosis({ ...diagnosis, adapter: null, vulkan: { ...vulkan, drivers: [] }, problems: [{ what: "no Vulkan driver", fix: "npm start -- doctor", fatal: true }] }).split("\n");
    expect(lines.slice(-2)).toEqual(["Problem: no Vulkan driver.", "  To fix it: npm start -- doctor"]);
    expect(lines).toContainEqual(expect.stringMatching(/^adapter +none$/));
  });
});
