export { parseBytes } from "./bytes.ts";
export { type ArrayOf, type DType, elementBytes, makeArray, type TypedArray } from "./dtype.ts";
export { installForbidden } from "./environment.ts";
export * from "./errors.ts";
export { fromHalf, toHalf } from "./half.ts";
export { hostTensor, type HostTensor, type StateDict } from "./host-tensor.ts";
export { hashString, mix32, Rng, type RngState } from "./rng.ts";
export { format, sameShape, type Shape, sizeOf, stridesOf } from "./shape.ts";
