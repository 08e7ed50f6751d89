// SimCLR v1 and v2 from their TensorFlow checkpoints. Variables are numbered in the order in which the graph made them, and in
// the first block of each group the shortcut came first: `conv2d_1` is layer1.0.downsample.0, not layer1.0.conv1. Index 1 and
// index 4 have the same shape, so no check of shapes would notice.
import type { LazyTensor } from "../lazy-tensor.ts";
import { batchNormFields, convolutions } from "./architecture.ts";
import type { TensorDict } from "./find.ts";
import type { Found } from "./found.ts";
import { reversedLayout } from "./mapped.ts";
import { simclrNumerics } from "./rows.ts";

const root = "base_model/";
const tfFields = { weight: "gamma", bias: "beta", running_mean: "moving_mean", running_var: "moving_variance" } as const;
const drop = [/^ema_model\//, /^head_contrastive\//, /^head_supervised\//, /memory/, /\/Momentum(_\d+)?$/, /^global_step$/];

const blocks = [3, 4, 6, 3];

/** Convolutions in the order of SimCLR's graph: as torchvision's, but with the shortcut before its block. */
function inGraphOrder(): { conv: string; bn: string }[] {
  const list = convolutions({ name: "resnet50", blocks, bottleneck: true });
  const ordered: typeof list = [];
  for (const item of list) {
    if (item.conv.endsWith("downsample.0")) ordered.splice(ordered.length - 3, 0, item);
    else ordered.push(item);
  }
  return ordered;
}

/** The first variable of the network. */
export const simclrAnchor = `${root}conv2d/kernel`;
export const looksLikeSimclr = ({ tensors }: TensorDict): boolean => tensors.has(simclrAnchor) && tensors.has(`${root}batch_normalization/gamma`);

/** Maps a SimCLR checkpoint's `base_model/`; its optimiser's slots, its average of weights and its contrastive head are dropped. */
export function findSimclr({ tensors, at }: TensorDict): Found {
  const names = new Map<string, string>();
  const backbone = new Map<string, LazyTensor>();
  const head = new Map<string, LazyTensor>();
  const take = (into: Map<string, LazyTensor>, ours: string, theirs: string) => {
    const tensor = tensors.get(theirs);
    if (!tensor) return;
    into.set(ours, /\/kernel$/.test(theirs) ? reversedLayout(tensor, `"${theirs}"`) : tensor);
    names.set(ours, theirs);
  };
  inGraphOrder().forEach(({ conv, bn }, index) => {
    const suffix = index === 0 ? "" : `_${index}`;
    take(backbone, `${conv}.weight`, `${root}conv2d${suffix}/kernel`);
    for (const field of batchNormFields) take(backbone, `${bn}.${field}`, `${root}batch_normalization${suffix}/${tfFields[field]}`);
  });
  take(head, "fc.weight", "head_supervised/linear_layer/dense/kernel");
  take(head, "fc.bias", "head_supervised/linear_layer/dense/bias");
  const taken = new Set(names.values());
  const rest = [...tensors.keys()].filter((name) => !taken.has(name));
  const second = rest.some((name) => /^(ema_model|head_contrastive)\//.test(name));
  return {
    method: second ? "simclr-v2" : "simclr-v1",
    title: second ? "SimCLR v2" : "SimCLR v1",
    sureness: "certain",
    because: [`variables are called ${root}conv2d, ${root}conv2d_1, ...`, second ? "there is a contrastive head or an average of the weights, which only v2's files have" : "there is no contrastive head and no average of the weights, which v2's files have"],
    alike: [],
    path: at === "" ? root : `${at}:${root}`,
    names,
    backbone,
    head,
    labels: "imagenet1k",
    dropped: rest.filter((name) => drop.some((pattern) => pattern.test(name))),
    strangers: rest.filter((name) => !drop.some((pattern) => pattern.test(name))),
    numerics: simclrNumerics,
    licence: "Apache-2.0",
  };
}
