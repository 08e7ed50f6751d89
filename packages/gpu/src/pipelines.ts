import { ShaderError } from "@roentgen/core";
import type { Kernel } from "@roentgen/kernels";
import { texel } from "./images.ts";

/** A compiled kernel. The layout is explicit, so that a bind group outlives a change of pipeline and binds unused buffers too. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

type Overrides = Readonly<Record<string, number>>;

/** Compiles each (kernel, overrides) once. */
export class Pipelines {
  readonly #gpu: GPUDevice;
  readonly #fail: (error: Error) => void;
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  readonly #ready = new Map<string, Pipeline>();
  readonly #pending = new Map<string, Promise<Pipeline>>();
  /** Pipelines made on the spot that WebGPU has not yet spoken about. */
  readonly #unsettled = new Set<Promise<void>>();

  /** `fail` is told of errors that WebGPU finds after the fact. */
  constructor(gpu: GPUDevice, fail: (error: Error) => void) {
    this.#gpu = gpu;
    this.#fail = fail;
  }

  static key(kernel: Kernel, overrides: Overrides): string {
    const set = Object.keys(overrides).sort().map((name) => `${name}=${overrides[name]}`);
    return `${kernel.name}(${set.join(",")})`;
  }

  /** The pipeline now, compiling on the spot where it must; a shader that does not compile surfaces at the device's next check. */
  get(kernel: Kernel, overrides: Overrides): Pipeline {
    const key = Pipelines.key(kernel, overrides);
    const known = this.#ready.get(key);
    if (known) return known;
    const layout = this.#layout(kernel);
    this.#gpu.pushErrorScope("validation");
    const pipeline = this.#gpu.createComputePipeline(this.#descriptor(key, kernel, overrides));
    this.#failIfRefused(kernel);
    const made = { pipeline, layout: layout.group };
    this.#ready.set(key, made);
    return made;
  }

  /** The same without blocking. Throws ShaderError if the shader does not compile. */
  async getAsync(kernel: Kernel, overrides: Overrides): Promise<Pipeline> {
    const key = Pipelines.key(kernel, overrides);
    const known = this.#ready.get(key) ?? this.#pending.get(key);
    if (known) return known;
    const made = this.#compile(key, kernel, overrides);
    this.#pending.set(key, made);
    try {
      const pipeline = await made;
      this.#ready.set(key, pipeline);
      return pipeline;
    } finally {
      this.#pending.delete(key);
    }
  }

  async #compile(key: string, kernel: Kernel, overrides: Overrides): Promise<Pipeline> {
    const layout = this.#layout(kernel);
    try {
      const pipeline = await this.#gpu.createComputePipelineAsync(this.#descriptor(key, kernel, overrides));
      return { pipeline, layout: layout.group };
    } catch (error) {
      throw shaderError(kernel, (await this.#complaints(kernel)) || (error instanceof Error ? error.message : String(error)));
    }
  }

  /** Ends the error scope; a refusal becomes a ShaderError with the compiler's words. A lost device ends scopes by itself. */
  #failIfRefused(kernel: Kernel): void {
    const told = this.#gpu.popErrorScope().then(async (error) => {
      if (error) this.#fail(shaderError(kernel, (await this.#complaints(kernel)) || error.message));
    });
    const settled = told.catch(() => undefined).finally(() => this.#unsettled.delete(settled));
    this.#unsettled.add(settled);
  }

  /** Resolves when it is known of every pipeline made on the spot whether it compiled. */
  async settled(): Promise<void> {
    await Promise.all(this.#unsettled);
  }

  /** What the compiler says of the module, line by line. */
  async #complaints(kernel: Kernel): Promise<string> {
    const { messages } = await this.#module(kernel).getCompilationInfo();
    return messages.filter((m) => m.type === "error").map((m) => `line ${m.lineNum}: ${m.message}`).join("; ");
  }

  #descriptor(key: string, kernel: Kernel, overrides: Overrides): GPUComputePipelineDescriptor {
    const constants: Record<string, number> = {};
    for (const name of Object.keys(kernel.overrides)) constants[name] = overrides[name] ?? kernel.overrides[name] ?? 0;
    return { label: key, layout: this.#layout(kernel).pipeline, compute: { module: this.#module(kernel), entryPoint: kernel.entryPoint, constants } };
  }

  #module(kernel: Kernel): GPUShaderModule {
    let module = this.#modules.get(kernel.source);
    if (!module) {
      this.#gpu.pushErrorScope("validation");
      module = this.#gpu.createShaderModule({ label: kernel.name, code: kernel.source });
      // What is wrong with it is told when a pipeline wants it.
      this.#gpu.popErrorScope().catch(() => undefined);
      this.#modules.set(kernel.source, module);
    }
    return module;
  }

  /** With least sizes stated, bindings are checked when they are made: wgpu judges a dispatch by the kernel before it where they are not. */
  #layout(kernel: Kernel): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const face = `u${kernel.params?.bytes ?? 0} ${kernel.bindings.map((b) => `${b.index}${b.isImage ? "i" : b.access === "read" ? "r" : "w"}${b.bytes}`).join(" ")}`;
    let layout = this.#layouts.get(face);
    if (!layout) {
      const entries: GPUBindGroupLayoutEntry[] = kernel.bindings.map((b) => ({
        binding: b.index,
        visibility: GPUShaderStage.COMPUTE,
        ...(b.isImage ? { storageTexture: { access: "read-only", format: texel } } : { buffer: { type: b.access === "read" ? "read-only-storage" : "storage", minBindingSize: b.bytes } }),
      }));
      if (kernel.params) entries.unshift({ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform", minBindingSize: kernel.params.bytes } });
      const group = this.#gpu.createBindGroupLayout({ label: face, entries });
      layout = { group, pipeline: this.#gpu.createPipelineLayout({ label: face, bindGroupLayouts: [group] }) };
      this.#layouts.set(face, layout);
    }
    return layout;
  }
}

const shaderError = (kernel: Kernel, message: string): ShaderError =>
  new ShaderError(`${kernel.name}: the shader does not compile on this device: ${message}. ` +
    (kernel.requires.length ? `It needs ${kernel.requires.join(", ")}; ` : "") + "`roentgen doctor` shows what the device offers.");
