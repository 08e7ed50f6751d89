/**
 * Errors that a user meets. Each message says who speaks, what was expected, what came, and what to do next.
 * Catch by class, or by `name` where an error crossed a worker boundary.
 */
export class RoentgenError extends Error {
  override name = "RoentgenError";
}
/** Shapes, dtypes or options that do not fit an op. */
export class ShapeError extends RoentgenError {
  override name = "ShapeError";
}
/** A weight file that cannot be read, or does not fit the model. */
export class CheckpointError extends RoentgenError {
  override name = "CheckpointError";
}
/** A plan that was recorded for something else, or recording that cannot work (reading a value, say). */
export class PlanError extends RoentgenError {
  override name = "PlanError";
}
/** No adapter, a missing feature, a device that was lost. */
export class DeviceError extends RoentgenError {
  override name = "DeviceError";
}
/** The memory a plan or a tensor needs is not there. */
export class OutOfMemoryError extends RoentgenError {
  override name = "OutOfMemoryError";
}
/** A shader that does not compile. */
export class ShaderError extends RoentgenError {
  override name = "ShaderError";
}
/** A dispatch that WebGPU's validation refused. */
export class ValidationError extends RoentgenError {
  override name = "ValidationError";
}
/** A loss or gradient that became NaN or infinite. */
export class NonFiniteError extends RoentgenError {
  override name = "NonFiniteError";
}
/** Images, lists or data folders that cannot be read as declared. */
export class DataError extends RoentgenError {
  override name = "DataError";
}
/** A study's configuration, or a command line, that does not make sense. */
export class ConfigError extends RoentgenError {
  override name = "ConfigError";
}
