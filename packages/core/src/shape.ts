/** Sizes of each axis, outermost first. A scalar has the empty shape. */
export type Shape = readonly number[];

/** Number of elements: the product of all axes, 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** As errors print it: `f32[16,224,224,3]`. */
export const format = (dtype: string, shape: Shape): string => `${dtype}[${shape.join(",")}]`;

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}
