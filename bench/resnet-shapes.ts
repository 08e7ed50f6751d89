/** A convolution of ResNet-50 with square images and filters. */
export interface ConvShape {
  readonly name: string;
  readonly batch: number;
  readonly side: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Side of the result. */
  readonly result: number;
  /** Of each direction: 2 N P Q K C R S. */
  readonly flops: number;
}

/** Inputs, outputs, kernel, stride, side at 224 pixels: every distinct shape that carries real work. */
const distinct: readonly (readonly [number, number, number, number, number])[] = [
  [3, 64, 7, 2, 224], [64, 64, 1, 1, 56], [64, 64, 3, 1, 56], [64, 256, 1, 1, 56], [256, 64, 1, 1, 56], [256, 128, 1, 1, 56],
  [128, 128, 3, 2, 56], [128, 512, 1, 1, 28], [256, 512, 1, 2, 56], [512, 128, 1, 1, 28], [128, 128, 3, 1, 28], [512, 256, 1, 1, 28],
  [256, 256, 3, 2, 28], [256, 1024, 1, 1, 14], [512, 1024, 1, 2, 28], [1024, 256, 1, 1, 14], [256, 256, 3, 1, 14],
  [1024, 512, 1, 1, 14], [512, 512, 3, 2, 14], [512, 2048, 1, 1, 7], [1024, 2048, 1, 2, 14], [2048, 512, 1, 1, 7], [512, 512, 3, 1, 7],
];

/** The 23 convolution shapes of ResNet-50 for images of `size` pixels. */
export function resnet50Shapes(batch: number, size: number): ConvShape[] {
  return distinct.map(([inputs, outputs, kernel, stride, sideAt224]) => {
    const side = Math.max(kernel, Math.floor((sideAt224 * size) / 224));
    const padding = kernel >> 1;
    const result = Math.floor((side + 2 * padding - kernel) / stride) + 1;
    const name = `${batch}x${side}x${side}x${inputs} to ${outputs}, ${kernel}x${kernel} stride ${stride}`;
    return { name, batch, side, inputs, outputs, kernel, stride, padding, result, flops: 2 * batch * result ** 2 * outputs * inputs * kernel ** 2 };
  });
}
