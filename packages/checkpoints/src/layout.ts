// Checkpoints keep convolution filters as torchvision does, OIHW; kernels read KRSC (output, height, width, input), that is
// OHWI. These two permutations are the door between, used once on each load and save.
import { format, type HostTensor, hostTensor, makeArray, ShapeError, type DType } from "@roentgen/core";

/** Filters [O,I,H,W] as [O,H,W,I]: a copy, same dtype. Throws ShapeError unless there are four axes. */
export const oihwToOhwi = <D extends DType>(weight: HostTensor<D>): HostTensor<D> => swapInner(weight, "oihwToOhwi", ([o, i, h, w]) => [[o, h, w, i], i, h * w]);

/** Filters [O,H,W,I] as [O,I,H,W]: the exact inverse of `oihwToOhwi`. Throws ShapeError unless there are four axes. */
export const ohwiToOihw = <D extends DType>(weight: HostTensor<D>): HostTensor<D> => swapInner(weight, "ohwiToOihw", ([o, h, w, i]) => [[o, i, h, w], h * w, i]);

type Axes = readonly [number, number, number, number];

/** Both are, for each output channel, the transpose of a matrix: [I, H*W] one way and [H*W, I] the other. */
function swapInner<D extends DType>(weight: HostTensor<D>, who: string, plan: (axes: Axes) => [shape: Axes, rows: number, columns: number]): HostTensor<D> {
  if (weight.shape.length !== 4) throw new ShapeError(`${who}: filters have 4 axes, got ${format(weight.dtype, weight.shape)}.`);
  const [shape, rows, columns] = plan(weight.shape as unknown as Axes);
  const from = weight.data as ArrayLike<number | bigint>;
  const data = makeArray(weight.dtype, weight.data.length);
  const to = data as { [index: number]: number | bigint };
  const block = rows * columns;
  for (let start = 0; block > 0 && start < data.length; start += block) {
    for (let r = 0; r < rows; r++) {
      const row = start + r * columns;
      for (let c = 0; c < columns; c++) to[start + c * rows + r] = from[row + c] as number | bigint;
    }
  }
  return hostTensor(weight.dtype, shape, data);
}
