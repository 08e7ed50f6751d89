export { relu } from "./relu.ts";
export { batchNorm, type BatchNormOptions, batchNormRelu, type RunningStatistics } from "./batch-norm.ts";
export { abs, clamp, exp, gelu, leakyRelu, log, neg, sigmoid, silu, sqrt, tanh } from "./unary.ts";
export { conv2d, type Conv2dOptions } from "./conv2d.ts";
