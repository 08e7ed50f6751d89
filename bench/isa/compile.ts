// Records a training step for an adapter that is not there and compiles its kernels one after the other; the driver writes its listing
// to standard error, where each kernel is announced. Started by main.ts, which sets the driver's environment.

import { writeSync } from "node:fs";
import { Device, type DeviceInfo, type Dispatch } from "@roentgen/gpu";
import { adapterInfo, nativeToggles } from "@roentgen/gpu/node";
import { resnet, unet } from "@roentgen/models";
import { Adam, LossScale, materialize, type Module, Pass } from "@roentgen/nn";
import { backward, collectTasks, conv2d, type FloatDType, record, spec, sum, type Tensor } from "@roentgen/tensor";
import { create, globals } from "webgpu";
import { resnet50Shapes } from "../resnet-shapes.ts";
import { closing, opening } from "./listing.ts";

/** What main.ts passes on, as JSON. */
export interface Wanted {
  readonly what: "resnet50" | "unet" | "families";
  readonly batch: number;
  readonly size: number;
  readonly mixed: boolean;
  readonly native: boolean;
  /** Only kernels whose name and overrides match. */
  readonly only: string;
}

/** Every dispatch of a training step with Adam. */
function stepOf(device: Device, { what, batch, size, mixed }: Wanted): readonly Dispatch[] {
  const model: Module & { forward(x: Tensor): Tensor } = what === "unet" ? unet() : resnet({ depth: 50, classes: 10 });
  const pass = new Pass(materialize<Module & { forward(x: Tensor): Tensor }>(model, device, { seed: 0 }), mixed ? "mixed" : "f32");
  const lossScale = mixed ? new LossScale(device) : undefined;
  const optimizer = new Adam(model.parameters(), { lr: 1e-4, lossScale });
  return record(device, what, (x) => {
    const loss = sum(pass.forward(x as Tensor));
    optimizer.step(backward(loss, lossScale?.factor));
    return loss;
  }, [spec("f32", [batch, size, size, 3])]).plan.dispatches;
}

/** Every family of kernels on every convolution of ResNet-50. */
function familiesOf(device: Device, { batch, size, mixed }: Wanted): readonly Dispatch[] {
  const dtype: FloatDType = mixed ? "f16" : "f32";
  return resnet50Shapes(batch, size).flatMap(({ name, side, inputs, outputs, kernel, stride, padding, result }) => {
    const specs = [spec(dtype, [batch, side, side, inputs]), spec(dtype, [outputs, kernel, kernel, inputs]), spec(dtype, [batch, result, result, outputs])];
    const tasks = collectTasks(device, () => record(device, name, (x, weight, dy) => {
      x.trainable = weight.trainable = true;
      const y = conv2d(x, weight, null, { stride, padding });
      return [y, ...(y.node?.gradients ?? []).map((gradient) => gradient?.(dy))];
    }, specs));
    return tasks.flatMap(({ inputs: of, ways }) => ways.flatMap(({ name: family, compute }) => record(device, family, (...given) => compute(...given), of).plan.dispatches));
  });
}

async function open(info: DeviceInfo, limits: Record<string, number>, native: boolean): Promise<{ gpu: GPU; device: GPUDevice }> {
  Object.assign(globalThis, globals);
  const gpu = create([`enable-dawn-features=${[...(native ? nativeToggles.enable : []), "allow_unsafe_apis"].join(",")}`]);
  const adapter = await gpu.requestAdapter();
  const wanted = ["subgroups", "shader-f16", "chromium-experimental-subgroup-matrix"].filter((name) => info.features.includes(name));
  const names = ["maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX", "maxStorageBuffersPerShaderStage"];
  const device = await adapter?.requestDevice({ requiredFeatures: wanted as GPUFeatureName[], requiredLimits: Object.fromEntries(names.map((name) => [name, limits[name] ?? 0])) });
  if (!device) throw new Error("the driver offers no device.");
  return { gpu, device };
}

async function main(wanted: Wanted): Promise<void> {
  const { limits, ...adapter } = await adapterInfo({ native: wanted.native, toggles: ["allow_unsafe_apis"] });
  const info: DeviceInfo = { ...adapter, software: false };
  const planner = new Device(null, info);
  const dispatches = wanted.what === "families" ? familiesOf(planner, wanted) : stepOf(planner, wanted);
  // Dawn's object must outlive its device.
  const { gpu, device } = await open(info, limits, wanted.native);
  const only = new RegExp(wanted.only);
  const seen = new Set<string>();
  for (const { kernel, overrides } of dispatches) {
    const constants = { ...kernel.overrides, ...overrides };
    const name = `${kernel.name}(${Object.entries(overrides).map(([key, value]) => `${key}=${value}`).sort().join(",")})`;
    if (seen.has(name) || !only.test(name)) continue;
    seen.add(name);
    writeSync(2, `\n${opening}${name}\n`);
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: kernel.name, code: kernel.source });
    device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: kernel.entryPoint, constants } });
    const error = await device.popErrorScope();
    writeSync(2, `\n${closing}\n`);
    if (error) throw new Error(`${name}: ${error.message}`);
  }
  writeSync(1, JSON.stringify({ adapter: info.description, device: info.device, dispatches: dispatches.length }));
  void gpu;
  // The null device cannot be waited for, so nothing is closed.
  process.exit(0);
}

await main(JSON.parse(process.argv[2] ?? "{}") as Wanted);
