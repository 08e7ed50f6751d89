import { batchNorm, batchNormRelu, cast, conv2d, type Conv2dOptions as ConvOptions, linear, type Padding, type Tensor, upsampledConv2d } from "@roentgen/tensor";
import { kaimingNormalFanOut, ones, torchDefault, uniform, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { type Init, Parameter } from "./parameter.ts";

export interface Conv2dOptions extends ConvOptions {
  readonly bias?: boolean;
  readonly init?: Init;
}

/** 2-D convolution; weight is OIHW in a checkpoint, as torch.nn.Conv2d's. */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #options: ConvOptions;

  /** @param kernel  height and width of the filter */
  constructor(inputs: number, outputs: number, kernel: number, { bias = false, init = kaimingNormalFanOut, ...options }: Conv2dOptions = {}) {
    super();
    this.weight = new Parameter([outputs, kernel, kernel, inputs / (options.groups ?? 1)], init, "weight", "oihw");
    this.bias = bias ? new Parameter([outputs], zeros) : null;
    this.#options = options;
    const groups = options.groups ?? 1;
    this.weight.mayBeHalf = (inputs / groups) % 4 === 0 && (outputs / groups) % 4 === 0;
  }

  /** x [N,H,W,inputs] -> [N,P,Q,outputs], f32; in mixed precision f16 if outputs come in fours. A padding given here replaces the layer's own, where it depends on the input's size. */
  forward(x: Tensor, padding: Padding | undefined = this.#options.padding): Tensor {
    return this.#inPrecision([x], (weight, [image = x]) => conv2d(image, weight, this.bias?.tensor ?? null, { ...this.#options, padding }));
  }

  /** Of 3x3 filters with padding 1 and no bias: forward(joined [x doubled by repeating its pixels, skip]), without writing that. */
  forwardUpsampled(x: Tensor, skip: Tensor | null): Tensor {
    return this.#inPrecision(skip ? [x, skip] : [x], (weight, [coarse = x, fine = null]) => upsampledConv2d(coarse, fine, weight));
  }

  #inPrecision(images: readonly Tensor[], convolve: (weight: Tensor, images: readonly Tensor[]) => Tensor): Tensor {
    const { tensor, half } = this.weight;
    return tensor.device.within(this.path, () => {
      if (this.precision === "f32") return convolve(tensor, images);
      const asHalf = half && images.every((x) => x.dim(-1) % 4 === 0);
      const y = convolve(asHalf ? half : tensor, images.map((x) => cast(x, asHalf ? "f16" : "f32")));
      return y.dim(-1) % 4 === 0 ? cast(y, "f16") : y;
    });
  }
}

/** Batch norm over the last axis, as torch.nn.BatchNorm2d; a frozen one uses its running statistics also in training. */
export class BatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly running_mean: Parameter;
  readonly running_var: Parameter;
  readonly num_batches_tracked: Parameter;
  readonly #eps: number;
  readonly #momentum: number;

  constructor(channels: number, { eps = 1e-5, momentum = 0.1 } = {}) {
    super();
    this.weight = new Parameter([channels], ones);
    this.bias = new Parameter([channels], zeros);
    this.running_mean = new Parameter([channels], zeros, "state");
    this.running_var = new Parameter([channels], ones, "state");
    this.num_batches_tracked = new Parameter([], zeros, "state");
    this.#eps = eps;
    this.#momentum = momentum;
  }

  /** x f32 or f16[...,channels] -> the same shape and dtype, normalised. */
  forward(x: Tensor): Tensor {
    return x.device.within(this.path, () => batchNorm(x, this.weight.tensor, this.bias.tensor, this.#options));
  }

  /** relu(forward(x) + residual) in one pass. */
  relu(x: Tensor, residual: Tensor | null = null): Tensor {
    return x.device.within(this.path, () => batchNormRelu(x, this.weight.tensor, this.bias.tensor, residual, this.#options));
  }

  get #options() {
    return {
      running: { mean: this.running_mean.tensor, variance: this.running_var.tensor, count: this.num_batches_tracked.tensor },
      train: this.training && !this.frozen, eps: this.#eps, momentum: this.#momentum,
    };
  }
}

/** x W' + b, as torch.nn.Linear. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(inputs: number, outputs: number, { init = torchDefault, biasInit = uniform(-1 / Math.sqrt(inputs), 1 / Math.sqrt(inputs)) }: { init?: Init; biasInit?: Init } = {}) {
    super();
    this.weight = new Parameter([outputs, inputs], init);
    this.bias = new Parameter([outputs], biasInit);
  }

  /** x f32 or f16[N,inputs] -> f32[N,outputs] */
  forward(x: Tensor): Tensor {
    return x.device.within(this.path, () => linear(x.dtype === "f16" ? cast(x, "f32") : x, this.weight.tensor, this.bias.tensor));
  }
}
