import { type ArrayOf, type DType, makeArray } from "./dtype.ts";
import { ShapeError } from "./errors.ts";
import { format, type Shape, sizeOf } from "./shape.ts";

/** An array with a shape in ordinary memory: what files, images and read-back tensors are. Row-major, contiguous. */
export interface HostTensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: ArrayOf[D];
}

/** Named host tensors, in file order. Names follow torchvision: `layer1.0.conv1.weight`. */
export type StateDict = Map<string, HostTensor>;

/** A host tensor over `data`, or over zeros. Throws ShapeError if the data do not fill the shape exactly. */
export function hostTensor<D extends DType>(dtype: D, shape: Shape, data: ArrayOf[D] = makeArray(dtype, sizeOf(shape))): HostTensor<D> {
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError(`hostTensor: ${format(dtype, shape)} has ${sizeOf(shape)} elements, the data have ${data.length}.`);
  }
  return { dtype, shape: [...shape], data };
}
