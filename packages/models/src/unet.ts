// U-Net with a ResNet encoder, as segmentation-models builds it (depth 5, no centre block, no attention) and with its names:
// encoder.*, decoder.blocks.0.conv1.0.weight, segmentation_head.0.weight. The full-resolution input is not a skip.

import { ShapeError } from "@roentgen/core";
import { BatchNorm2d, Conv2d, init, Module, ModuleList, nameModules } from "@roentgen/nn";
import { checkpoint, type Tensor } from "@roentgen/tensor";
import { ResNet, type ResNetOptions } from "./resnet.ts";

export interface UNetOptions {
  readonly encoder?: Omit<ResNetOptions, "classes" | "headInit">;
  /** Channels of the output. Default 1: one mask. */
  readonly classes?: number;
  readonly decoderChannels?: readonly [number, number, number, number, number];
}

/** 3x3 convolution without bias, batch norm, ReLU. */
class ConvBnRelu extends Module {
  readonly 0: Conv2d;
  readonly 1: BatchNorm2d;

  constructor(inputs: number, outputs: number) {
    super();
    this[0] = new Conv2d(inputs, outputs, 3, { padding: 1, init: init.kaimingUniformFanIn });
    this[1] = new BatchNorm2d(outputs);
  }

  forward(x: Tensor): Tensor {
    return this[1].relu(this[0].forward(x));
  }

  /** forward(concatenated [x doubled by repeating its pixels, skip]), without writing that. */
  forwardUpsampled(x: Tensor, skip: Tensor | null): Tensor {
    return this[1].relu(this[0].forwardUpsampled(x, skip));
  }
}

/** Nearest x2, concatenate [upsampled, skip], two convolutions. */
class DecoderBlock extends Module {
  readonly conv1: ConvBnRelu;
  readonly conv2: ConvBnRelu;

  constructor(inputs: number, skip: number, outputs: number) {
    super();
    this.conv1 = new ConvBnRelu(inputs + skip, outputs);
    this.conv2 = new ConvBnRelu(outputs, outputs);
  }

  forward(x: Tensor, skip: Tensor | null): Tensor {
    return this.conv2.forward(this.conv1.forwardUpsampled(x, skip));
  }
}

class Decoder extends Module {
  readonly blocks: ModuleList<DecoderBlock>;

  constructor(encoder: readonly number[], outputs: readonly number[]) {
    super();
    const skips = [...encoder].reverse().slice(1);
    this.blocks = new ModuleList(outputs.map((channels, i) => new DecoderBlock(i === 0 ? (encoder.at(-1) ?? 0) : (outputs[i - 1] ?? 0), skips[i] ?? 0, channels)));
  }

  forward(features: readonly Tensor[]): Tensor {
    const [deepest, ...skips] = [...features].reverse();
    if (!deepest) throw new Error("internal: the decoder got no features.");
    return this.blocks.items.reduce((y, block, i) => {
      const skip = skips[i] ?? null;
      return this.checkpointing ? checkpoint((x: Tensor, other: Tensor | null) => block.forward(x, other), y, skip) : block.forward(y, skip);
    }, deepest);
  }
}

class Head extends Module {
  readonly 0: Conv2d;

  constructor(inputs: number, classes: number) {
    super();
    this[0] = new Conv2d(inputs, classes, 3, { padding: 1, bias: true, init: init.xavierUniform });
  }

  forward(x: Tensor): Tensor {
    return this[0].forward(x);
  }
}

export class UNet extends Module {
  readonly encoder: ResNet;
  readonly decoder: Decoder;
  readonly segmentation_head: Head;

  constructor({ encoder = {}, classes = 1, decoderChannels = [256, 128, 64, 32, 16] }: UNetOptions = {}) {
    super();
    this.encoder = new ResNet({ ...encoder, classes: null });
    this.decoder = new Decoder(this.encoder.channels, decoderChannels);
    this.segmentation_head = new Head(decoderChannels[4], classes);
    nameModules(this);
  }

  /** x f32[N,H,W,3] -> logits f32[N,H,W,classes]. Throws ShapeError unless H and W are multiples of 32. */
  forward(x: Tensor): Tensor {
    if (x.dim(1) % 32 || x.dim(2) % 32) throw new ShapeError(`unet: height and width must be multiples of 32, x is ${x}. Resize or pad the images.`);
    return this.segmentation_head.forward(this.decoder.forward(this.encoder.features(x)));
  }
}

export const unet = (options?: UNetOptions): UNet => new UNet(options);
