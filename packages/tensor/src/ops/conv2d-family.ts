import type { DeviceInfo } from "@roentgen/gpu";
import type { Convolution } from "./convolution.ts";

/**
 * Which kernels compute a convolution. "plain" runs everywhere.
 *
 * @param info   what is known of the device
 * @param shape  the convolution
 */
export function conv2dFamily(_info: Pick<DeviceInfo, "subgroupSize" | "features">, _shape: Convolution): "plain" {
  return "plain";
}
