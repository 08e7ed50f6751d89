// Keras' first ResNet-50 (`keras_applications` up to 1.0.8), a port of the Caffe model of He et al. (2015), as a torchvision
// state dict. Both compute the same function; what differs is written into the weights, so that the result takes the input every
// other model of this project takes:
//
// - Kernels are HWIO there, OIHW here; `fc1000/kernel` is [in, out] there, [out, in] here.
// - Convolutions there have a bias b. Batch norm follows each, and BN(x + b) with mean m is BN(x) with mean m - b.
// - The input there is BGR in 0..255 minus a mean colour. Ours is x = (rgb / 255 - mean) / std, so theirs is 255 std x + d with
//   d = 255 mean - (their mean colour), at most half a grey level. The factor and the channel order go into conv1's kernel, the
//   sum of kernel times d into bn1's running mean.
//
// That is exact wherever conv1's window lies inside the image. At the border the window sees padding, which is their mean colour
// there and our mean colour here: d apart. Padding the input with -d / (255 std) instead of 0 would be exact; what 0 costs on two
// photographs is at most 0.02 of a logit (of 16) and 0.00005 of a probability (scripts/verify_imagenet.py).
//
// - conv1 would now be 58 times larger than torchvision's, so that a step of Adam, whose size knows nothing of the weight's, would
//   leave it all but frozen. conv1 and bn1's running mean are therefore divided by 64, and its running variance v becomes
//   (v + eps) / 64^2 - eps: the same function in evaluation, and a stem that trains like any other.
import { CheckpointError, format, type HostTensor, hostTensor, sameShape, type Shape, type StateDict } from "@roentgen/core";
import { quote } from "./json.ts";
import { imagenetInput, type Numerics } from "./numerics.ts";

/** Mean colour that Keras' "caffe" preprocessing subtracts, as B, G, R in 0..255. */
const kerasMeanBgr = [103.939, 116.779, 123.68] as const;
/** A power of two, so that dividing rounds nothing. */
const stemScale = 64;
const blocksPerStage = [3, 4, 6, 3] as const;

/** How this network computes. Its 3x3 convolutions have stride 1 and pad `same`, its 7x7 pads by 3: all symmetric. */
export const kerasResnet50Numerics: Numerics = { strideOn: "1x1", padding: "symmetric", bnEps: 1e-3, input: imagenetInput };

export interface Converted {
  /** Torchvision names, order and layout: float tensors f32, `num_batches_tracked` i64 scalars (0: the source has none). */
  readonly tensors: StateDict;
  readonly numerics: Numerics;
  /** What was done, for a person to read. */
  readonly description: string;
}

/**
 * Converts Keras' ResNet-50, classifier included.
 *
 * @param source  320 f32 tensors as `readTfjsWeights` returns them (`conv1/kernel`, `bn2a_branch2a/gamma`, `fc1000/bias`). The
 *   width is taken from conv1 and the number of classes from fc1000.
 * @returns 320 tensors: 267 f32 and 53 i64
 * @throws CheckpointError naming the first tensor that is missing or has another shape, or all that are left over
 */
export function kerasResnet50ToTorchvision(source: StateDict): Converted {
  const rest = new Map(source);
  const tensors: StateDict = new Map();
  const take = (name: string, shape: Shape): Float32Array => {
    const tensor = rest.get(name);
    if (!tensor) throw new CheckpointError(`Keras ResNet-50: ${quote(name)} is missing; ${source.size} tensors are there. Another architecture, or an incomplete file.`);
    if (tensor.dtype !== "f32" || !sameShape(tensor.shape, shape)) {
      throw new CheckpointError(`Keras ResNet-50: ${quote(name)} is ${format(tensor.dtype, tensor.shape)}, expected ${format("f32", shape)}.`);
    }
    rest.delete(name);
    return tensor.data as Float32Array;
  };

  /** A convolution and its batch norm, the convolution's bias moved into the running mean. */
  const convBn = (from: { conv: string; bn: string }, to: { conv: string; bn: string }, [o, i, h, w]: readonly [number, number, number, number]) => {
    const kernel = hwioToOihw(take(`${from.conv}/kernel`, [h, w, i, o]), [o, i, h, w]);
    const bias = take(`${from.conv}/bias`, [o]);
    const mean = take(`${from.bn}/moving_mean`, [o]).map((m, k) => m - bias[k]!);
    const variance = take(`${from.bn}/moving_variance`, [o]).slice();
    tensors.set(`${to.conv}.weight`, kernel);
    tensors.set(`${to.bn}.weight`, hostTensor("f32", [o], take(`${from.bn}/gamma`, [o])));
    tensors.set(`${to.bn}.bias`, hostTensor("f32", [o], take(`${from.bn}/beta`, [o])));
    tensors.set(`${to.bn}.running_mean`, hostTensor("f32", [o], mean));
    tensors.set(`${to.bn}.running_var`, hostTensor("f32", [o], variance));
    tensors.set(`${to.bn}.num_batches_tracked`, hostTensor("i64", []));
    return { kernel, mean, variance };
  };

  const stem = source.get("conv1/bias")?.shape[0] ?? 64;
  foldInput(convBn({ conv: "conv1", bn: "bn_conv1" }, { conv: "conv1", bn: "bn1" }, [stem, 3, 7, 7]));
  let inputs = stem;
  blocksPerStage.forEach((blocks, stage) => {
    const width = stem * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      const keras = `${stage + 2}${String.fromCharCode(0x61 + block)}_branch`;
      const torch = `layer${stage + 1}.${block}`;
      const branch = (suffix: string, conv: string, bn: string, shape: readonly [number, number, number, number]) =>
        convBn({ conv: `res${keras}${suffix}`, bn: `bn${keras}${suffix}` }, { conv: `${torch}.${conv}`, bn: `${torch}.${bn}` }, shape);
      branch("2a", "conv1", "bn1", [width, inputs, 1, 1]);
      branch("2b", "conv2", "bn2", [width, width, 3, 3]);
      branch("2c", "conv3", "bn3", [width * 4, width, 1, 1]);
      if (block === 0) branch("1", "downsample.0", "downsample.1", [width * 4, inputs, 1, 1]);
      inputs = width * 4;
    }
  });

  const classes = source.get("fc1000/bias")?.shape[0] ?? 1000;
  const fc = take("fc1000/kernel", [inputs, classes]);
  tensors.set("fc.weight", hostTensor("f32", [classes, inputs], hwioToOihw(fc, [classes, inputs, 1, 1]).data));
  tensors.set("fc.bias", hostTensor("f32", [classes], take("fc1000/bias", [classes])));
  if (rest.size > 0) {
    const strangers = [...rest.keys()].slice(0, 5).map(quote).join(", ");
    throw new CheckpointError(`Keras ResNet-50: ${rest.size} tensors have no place in the network: ${strangers}. Another architecture?`);
  }
  return {
    tensors,
    numerics: kerasResnet50Numerics,
    description: "Keras ResNet-50 (v1): kernels HWIO to OIHW, convolution biases folded into running means, BGR 0-255 minus the Caffe mean colour folded into conv1 and bn1, both divided by 64",
  };
}

/** Makes conv1 and bn1 (in place: they are copies) take normalised RGB instead of BGR minus the mean colour. */
function foldInput({ kernel, mean, variance }: { kernel: HostTensor<"f32">; mean: Float32Array; variance: Float32Array }): void {
  const { bnEps } = kerasResnet50Numerics;
  const bgr = kernel.data.slice();
  const area = 49;
  for (let k = 0; k < mean.length; k++) {
    let offset = 0;
    for (let c = 0; c < 3; c++) {
      const scale = (255 * imagenetInput.std[c]!) / stemScale;
      const d = 255 * imagenetInput.mean[c]! - kerasMeanBgr[2 - c]!;
      for (let p = 0; p < area; p++) {
        const w = bgr[(k * 3 + 2 - c) * area + p]!;
        offset += w * d;
        kernel.data[(k * 3 + c) * area + p] = w * scale;
      }
    }
    mean[k] = (mean[k]! - offset) / stemScale;
    const scaled = (variance[k]! + bnEps) / stemScale ** 2 - bnEps;
    if (!(scaled > 0)) throw new CheckpointError(`Keras ResNet-50: "bn_conv1/moving_variance" is ${variance[k]} in channel ${k}, too small for a network that takes 0..255. Another preprocessing?`);
    variance[k] = scaled;
  }
}

/** [H,W,I,O] as [O,I,H,W]. */
function hwioToOihw(from: Float32Array, [o, i, h, w]: readonly [number, number, number, number]): HostTensor<"f32"> {
  const area = h * w;
  const to = new Float32Array(from.length);
  for (let p = 0; p < area; p++) {
    for (let c = 0; c < i; c++) {
      const row = (p * i + c) * o;
      for (let k = 0; k < o; k++) to[(k * i + c) * area + p] = from[row + k]!;
    }
  }
  return hostTensor("f32", [o, i, h, w], to);
}
