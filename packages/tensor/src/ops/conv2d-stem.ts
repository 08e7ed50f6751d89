// The tiled family's forward kernel for images of few channels. See shaders/conv2d.tiled-stem.wgsl.

import { barriersAreCostly, flatGrid } from "@roentgen/gpu";
import { conv2dTiledStem } from "@roentgen/kernels";
import { launch } from "../op.ts";
import { empty } from "../tensor.ts";
import { plain } from "./conv2d-plain.ts";
import { type Convolution, type ConvolutionFamily, costsOf } from "./convolution.ts";
import { stemCost } from "./tiling.ts";

/** Workgroups: tiles of 8 x 16 pixels, by 64 filters. */
function gridOf({ batch, k, window: { output } }: Convolution) {
  const [x, y] = flatGrid(batch * Math.ceil(output[0] / 8) * Math.ceil(output[1] / 16), 1);
  return [x, y, Math.ceil(k / 64)] as const;
}

/** Sizes of what lies in workgroup memory: floats, floats of a line, vec4; and floats between a thread's pixels. */
function memoryOf({ c, window: { kernel, stride } }: Convolution) {
  const LINE = (15 * stride[1] + kernel[1]) * c;
  return { PATCH: (7 * stride[0] + kernel[0]) * LINE, LINE, SLAB: 16 * kernel[1] * c, STEP: 2 * stride[1] * c };
}

/** Forward only, where channels are fewer than four; gradients are the plain family's. */
export const stem: ConvolutionFamily = {
  ...plain,
  name: "tiled stem",
  half: false,

  cost(device, shape, direction) {
    const { info, limits } = device;
    const { c, k, groups, window: { dilation } } = shape;
    if (barriersAreCostly(device) || direction !== "forward" || c > 3 || k % 4 !== 0 || groups !== 1 || dilation.some((d) => d > 1)) return Infinity;
    const { PATCH, SLAB } = memoryOf(shape);
    if (limits && (4 * PATCH + 16 * SLAB > limits.maxComputeWorkgroupStorageSize || limits.maxComputeInvocationsPerWorkgroup < 128)) return Infinity;
    const { batch, input, window: { kernel, output } } = shape;
    const [x, y, z] = gridOf(shape);
    return stemCost(x * y * z, c * kernel[0] * kernel[1], 4 * batch * (input[0] * input[1] * c + output[0] * output[1] * k), info);
  },

  forward(shape, x, weight, bias) {
    const { batch, input, c, k, window: { output, kernel, stride, padding: { top, left } } } = shape;
    const y = empty(x.device, [batch, ...output, k]);
    const params = { input, output, kernel, stride, padding: [top, left], batch, c, k, has_bias: bias ? 1 : 0 };
    const overrides = { ...memoryOf(shape), UNROLL: x.device.info.software ? 0 : 1 };
    launch(conv2dTiledStem.forward, { x, w: weight, bias: bias ?? weight, y, params }, gridOf(shape), { overrides, ...costsOf(shape, "forward") });
    return y;
  },
};
