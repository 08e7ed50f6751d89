import { type DeviceInfo, maxGroups } from "@roentgen/gpu";
import { filterColumns } from "./conv2d-lanes.ts";
import type { Convolution, ConvolutionFamily } from "./convolution.ts";

/**
 * Which kernels compute one direction of a convolution. "lanes" is for software drivers whose SIMD lanes are a subgroup of eight;
 * "plain" runs everywhere.
 *
 * Lanes compute 32 columns at a time (output channels, or input channels backwards), so few of them waste most of the work; and
 * they find pixels by float32 division, exact below 2^20.
 */
export function conv2dFamily(info: Pick<DeviceInfo, "subgroupSize" | "features">, shape: Convolution, direction: keyof ConvolutionFamily): "plain" | "lanes" {
  const { batch, input, c, k, groups, window: { output, stride } } = shape;
  if (info.subgroupSize !== 8 || !info.features.includes("subgroups") || groups !== 1) return "plain";
  const pixels = batch * Math.max(input[0] * input[1], output[0] * output[1]);
  if (pixels > 16 * maxGroups || stride[0] * stride[1] > maxGroups || filterColumns(shape) > maxGroups) return "plain";
  return (direction === "backwardX" ? c : k) < 8 ? "plain" : "lanes";
}
