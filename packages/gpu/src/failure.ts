import { DeviceError, OutOfMemoryError, type RoentgenError, ValidationError } from "@roentgen/core";

/** What WebGPU reported on its own time, as one of our errors. Dawn's messages carry the labels of what was involved. */
export function asFailure(error: GPUError): RoentgenError {
  const kind = error.constructor.name;
  if (kind === "GPUOutOfMemoryError") {
    return new OutOfMemoryError(`the device ran out of memory: ${error.message}. Use a smaller batch or input size.`);
  }
  if (kind === "GPUValidationError") {
    return new ValidationError(`WebGPU refused a command: ${error.message}. This is a defect of the op named in the message; please report it.`);
  }
  return new DeviceError(`WebGPU reported an internal error: ${error.message}. Try again; if it stays, the driver is at fault: \`roentgen doctor\` names it.`);
}

export const lostError = (message: string): DeviceError =>
  new DeviceError(`the GPU device was lost: ${message || "no reason given"}. Open a new device and resume from the last checkpoint; a kernel that runs for seconds makes some drivers give up, so try a smaller batch.`);

/** Bytes for people: `12.3 MiB`, `640 KiB`. */
export function readableBytes(bytes: number): string {
  const [unit, size] = bytes >= 2 ** 30 ? ["GiB", 2 ** 30] : bytes >= 2 ** 20 ? ["MiB", 2 ** 20] : ["KiB", 2 ** 10];
  const value = bytes / size;
  return `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
}
