// ResNet (He et al. 2016) with torchvision's names and initialisation. Images are NHWC. A block reads like its diagram: batch
// norm, residual and ReLU are one fused op (`bn.relu(x, identity)`).

import { ConfigError } from "@roentgen/core";
import { BatchNorm2d, Conv2d, init, Linear, Module, ModuleList, nameModules } from "@roentgen/nn";
import { checkpoint, globalAvgPool, maxPool2d, type Padding, type Tensor } from "@roentgen/tensor";

export const resnetDepths = [18, 34, 50, 101, 152] as const;
export type ResNetDepth = (typeof resnetDepths)[number];

export interface ResNetOptions {
  readonly depth?: ResNetDepth;
  /** Outputs of the linear head; null leaves it out (an encoder). */
  readonly classes?: number | null;
  /** Where a bottleneck strides: on the 3x3 (v1.5, torchvision) or on the first 1x1 (v1, the original and Keras). */
  readonly strideOn?: "3x3" | "1x1";
  /** "same" pads as TensorFlow does: more at the end where the total is odd. */
  readonly padding?: "symmetric" | "same";
  /** Of the max-pool alone, where it differs: SimCLR pads only that as TensorFlow does. Default: as `padding`. */
  readonly poolPadding?: "symmetric" | "same";
  readonly eps?: number;
  /** Of the head's weight: PyTorch's default, or N(0, 0.01) with zero bias as the study's classifiers. */
  readonly headInit?: "torch" | "normal";
}

type Numerics = Required<Pick<ResNetOptions, "strideOn" | "padding" | "eps">>;

/** Blocks of each of the four stages, and whether they are bottlenecks. */
const layouts: Readonly<Record<ResNetDepth, { blocks: readonly number[]; bottleneck: boolean }>> = {
  18: { blocks: [2, 2, 2, 2], bottleneck: false },
  34: { blocks: [3, 4, 6, 3], bottleneck: false },
  50: { blocks: [3, 4, 6, 3], bottleneck: true },
  101: { blocks: [3, 4, 23, 3], bottleneck: true },
  152: { blocks: [3, 8, 36, 3], bottleneck: true },
};

/**
 * A convolution that pads by rule: symmetric k/2, or TensorFlow's SAME, whose amount depends on the size of the input
 * (total = max((ceil(n / stride) - 1) * stride + k - n, 0), the larger half at the end).
 */
class PaddedConv2d extends Conv2d {
  readonly #same: ((x: Tensor) => Padding) | null;

  constructor(inputs: number, outputs: number, kernel: number, stride: number, { padding }: Numerics) {
    super(inputs, outputs, kernel, { stride, padding: kernel >> 1 });
    this.#same = padding === "same" ? (x) => samePadding([x.dim(1), x.dim(2)], kernel, stride) : null;
  }

  override forward(x: Tensor): Tensor {
    return super.forward(x, this.#same?.(x));
  }
}

/** TensorFlow's SAME padding of an image for a square window. */
export function samePadding(size: readonly [number, number], kernel: number, stride: number): Padding {
  const [top, bottom, left, right] = size.flatMap((n) => {
    const total = Math.max((Math.ceil(n / stride) - 1) * stride + kernel - n, 0);
    return [total >> 1, total - (total >> 1)];
  });
  return { top: top ?? 0, bottom: bottom ?? 0, left: left ?? 0, right: right ?? 0 };
}

/** The projection of a block whose shape changes: 1x1 convolution and batch norm, named by numbers as in torchvision. */
class Downsample extends Module {
  readonly 0: PaddedConv2d;
  readonly 1: BatchNorm2d;

  constructor(inputs: number, outputs: number, stride: number, numerics: Numerics) {
    super();
    this[0] = new PaddedConv2d(inputs, outputs, 1, stride, numerics);
    this[1] = new BatchNorm2d(outputs, numerics);
  }

  forward(x: Tensor): Tensor {
    return this[1].forward(this[0].forward(x));
  }
}

/** Two 3x3 convolutions: ResNet-18 and 34. */
class BasicBlock extends Module {
  readonly conv1: PaddedConv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: PaddedConv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Downsample | null;

  constructor(inputs: number, planes: number, stride: number, numerics: Numerics) {
    super();
    this.conv1 = new PaddedConv2d(inputs, planes, 3, stride, numerics);
    this.bn1 = new BatchNorm2d(planes, numerics);
    this.conv2 = new PaddedConv2d(planes, planes, 3, 1, numerics);
    this.bn2 = new BatchNorm2d(planes, numerics);
    this.downsample = stride !== 1 || inputs !== planes ? new Downsample(inputs, planes, stride, numerics) : null;
  }

  forward(x: Tensor): Tensor {
    const y = this.bn1.relu(this.conv1.forward(x));
    return this.bn2.relu(this.conv2.forward(y), this.downsample?.forward(x) ?? x);
  }
}

/** 1x1, 3x3, 1x1: ResNet-50 and deeper. Outputs are four times the planes. */
class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: PaddedConv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: PaddedConv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: PaddedConv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Downsample | null;

  constructor(inputs: number, planes: number, stride: number, numerics: Numerics) {
    super();
    const outputs = planes * Bottleneck.expansion;
    const early = numerics.strideOn === "1x1";
    this.conv1 = new PaddedConv2d(inputs, planes, 1, early ? stride : 1, numerics);
    this.bn1 = new BatchNorm2d(planes, numerics);
    this.conv2 = new PaddedConv2d(planes, planes, 3, early ? 1 : stride, numerics);
    this.bn2 = new BatchNorm2d(planes, numerics);
    this.conv3 = new PaddedConv2d(planes, outputs, 1, 1, numerics);
    this.bn3 = new BatchNorm2d(outputs, numerics);
    this.downsample = stride !== 1 || inputs !== outputs ? new Downsample(inputs, outputs, stride, numerics) : null;
  }

  forward(x: Tensor): Tensor {
    let y = this.bn1.relu(this.conv1.forward(x));
    y = this.bn2.relu(this.conv2.forward(y));
    return this.bn3.relu(this.conv3.forward(y), this.downsample?.forward(x) ?? x);
  }
}

class Stage extends ModuleList<BasicBlock | Bottleneck> {
  forward(x: Tensor): Tensor {
    return this.items.reduce((y, block) => (this.checkpointing ? checkpoint((input) => block.forward(input), y) : block.forward(y)), x);
  }
}

export class ResNet extends Module {
  readonly conv1: PaddedConv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: Stage;
  readonly layer2: Stage;
  readonly layer3: Stage;
  readonly layer4: Stage;
  readonly fc: Linear | null;
  /** Channels after the stem and after each stage. */
  readonly channels: readonly number[];
  readonly #poolPadding: Numerics["padding"];

  constructor({ depth = 50, classes = 1000, strideOn = "3x3", padding = "symmetric", poolPadding = padding, eps = 1e-5, headInit = "torch" }: ResNetOptions = {}) {
    super();
    const layout = layouts[depth];
    if (!layout) throw new ConfigError(`resnet: there is no ResNet-${depth}; choose one of ${resnetDepths.join(", ")}.`);
    const numerics: Numerics = { strideOn, padding, eps };
    this.#poolPadding = poolPadding;
    const expansion = layout.bottleneck ? Bottleneck.expansion : 1;
    const Block = layout.bottleneck ? Bottleneck : BasicBlock;
    this.conv1 = new PaddedConv2d(3, 64, 7, 2, numerics);
    this.bn1 = new BatchNorm2d(64, numerics);
    const stage = (i: number): Stage => {
      const planes = 64 << i;
      const inputs = i === 0 ? 64 : (planes / 2) * expansion;
      const stride = i === 0 ? 1 : 2;
      return new Stage(Array.from({ length: layout.blocks[i] ?? 0 }, (_, b) => new Block(b === 0 ? inputs : planes * expansion, planes, b === 0 ? stride : 1, numerics)));
    };
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.channels = [64, ...[64, 128, 256, 512].map((planes) => planes * expansion)];
    const features = 512 * expansion;
    const head = headInit === "normal" ? { init: init.normal(0.01), biasInit: init.zeros } : {};
    this.fc = classes === null ? null : new Linear(features, classes, head);
    nameModules(this);
  }

  /** Features at strides 2, 4, 8, 16 and 32: after the stem's ReLU (before its max-pool) and after each stage. */
  features(x: Tensor): [Tensor, Tensor, Tensor, Tensor, Tensor] {
    const f1 = this.bn1.relu(this.conv1.forward(x));
    const padding = this.#poolPadding === "same" ? samePadding([f1.dim(1), f1.dim(2)], 3, 2) : 1;
    const f2 = this.layer1.forward(maxPool2d(f1, { kernel: 3, stride: 2, padding }));
    const f3 = this.layer2.forward(f2);
    const f4 = this.layer3.forward(f3);
    return [f1, f2, f3, f4, this.layer4.forward(f4)];
  }

  /** x f32[N,H,W,3] -> logits f32[N,classes], or pooled features f32[N,channels] without a head. */
  forward(x: Tensor): Tensor {
    const pooled = globalAvgPool(this.features(x)[4]);
    return this.fc ? this.fc.forward(pooled) : pooled;
  }

  /** Freezes the stem and the first `stages` stages (0 to 4): they train nothing and cost nothing. */
  freezeStages(stages: number): this {
    const parts = [[this.conv1, this.bn1], [this.layer1], [this.layer2], [this.layer3], [this.layer4]];
    if (!Number.isInteger(stages) || stages < 0 || stages > 4) throw new ConfigError(`resnet: cannot freeze ${stages} stages; give 0 to 4.`);
    for (const part of parts.slice(0, stages + 1)) for (const module of part) module.freeze();
    return this;
  }
}

export const resnet = (options?: ResNetOptions): ResNet => new ResNet(options);
