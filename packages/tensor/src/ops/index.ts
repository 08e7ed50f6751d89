export { relu } from "./relu.ts";
export { batchNorm, type BatchNormOptions, batchNormRelu, type RunningStatistics } from "./batch-norm.ts";
export { abs, clamp, exp, gelu, leakyRelu, log, neg, sigmoid, silu, sqrt, tanh } from "./unary.ts";
export { conv2d, type Conv2dOptions } from "./conv2d.ts";
export { convTranspose2d, type ConvTranspose2dOptions } from "./conv-transpose2d.ts";
export { linear } from "./linear.ts";
export { matmul, type MatmulOptions } from "./matmul.ts";
