// The models that are known by name: where each one's file keeps its backbone, what else the file holds, and how the network is
// fed. One row a model. Facts come from the methods' own code and from published files' listings; the tests hold each row to a
// fixture with the row's key names.
import { imagenetInput, type Numerics, torchvisionNumerics } from "../numerics.ts";
import type { Style } from "./styles.ts";

export interface MethodRow {
  readonly id: string;
  readonly title: string;
  /** Dicts that may hold it, outermost "" first. */
  readonly at: readonly string[];
  readonly prefixes: readonly string[];
  readonly style?: Style["name"];
  /** Each must match a name of the dict; none of `lacks` may. */
  readonly needs?: readonly RegExp[];
  readonly lacks?: readonly RegExp[];
  /** Names that the file has besides the backbone. Others are an error. */
  readonly drop: readonly RegExp[];
  /** The trained classifier, weight and bias without `.weight` and `.bias`, and its number of classes. */
  readonly head?: { readonly names: readonly string[]; readonly classes: number; readonly labels: string; readonly mayMiss?: true };
  /** A library rather than a model: its ResNets have any depth. Otherwise it is a ResNet-50. */
  readonly anyDepth?: true;
  /** Columns of `module.queue`, where the file has one. */
  readonly queue?: number;
  /** Settles it between methods whose files hold the same names. */
  readonly fileName?: RegExp;
  readonly numerics: Numerics;
  readonly licence: string;
}

const swavInput: Numerics["input"] = { ...imagenetInput, std: [0.228, 0.224, 0.225] };
const swav: Numerics = { ...torchvisionNumerics, input: swavInput };
const fcHead = /^fc\./;
const moco = { at: ["state_dict"], prefixes: ["module.encoder_q."], drop: [/^module\.encoder_q\.fc\./, /^module\.encoder_k\./, /^module\.queue(_ptr)?$/, /^module\.(index|cluster)/] };
const contrast = { at: ["model"], prefixes: ["module.encoder.", "encoder."], drop: [/^(module\.)?head(_jig)?\./] };
const swavFamily = { at: ["", "state_dict"], prefixes: ["module.", ""], drop: [/^(module\.)?projection_head/, /^(module\.)?prototypes/] };
const chest = { at: ["state_dict", ""], prefixes: ["", "module."], lacks: [/projection_head|prototypes|encoder|backbone/], numerics: torchvisionNumerics, licence: "see Zenodo record 5205234" };
const chestHead = { names: ["fc.0", "fc", "classifier", "classifier.0"], classes: 14, mayMiss: true } as const;
const torchvision = { at: ["", "state_dict"], prefixes: [""], numerics: torchvisionNumerics };
const bare = { at: ["", "state_dict"], prefixes: [""], lacks: [fcHead], drop: [], numerics: torchvisionNumerics };

export const methodRows: readonly MethodRow[] = [
  { id: "imagenet-v1", title: "supervised ImageNet, torchvision V1", ...torchvision, lacks: [/num_batches_tracked$/], drop: [], head: { names: ["fc"], classes: 1000, labels: "imagenet1k" }, fileName: /19c8e357|0676ba61/, licence: "BSD-3-Clause" },
  { id: "imagenet-v2", title: "supervised ImageNet, torchvision V2", ...torchvision, needs: [/num_batches_tracked$/], drop: [], head: { names: ["fc"], classes: 1000, labels: "imagenet1k" }, fileName: /11ad3fa6/, licence: "BSD-3-Clause" },
  { id: "timm", title: "supervised ImageNet, timm", ...torchvision, needs: [/num_batches_tracked$/], drop: [], head: { names: ["fc"], classes: 1000, labels: "imagenet1k" }, fileName: /timm|(^|\/)(model\.safetensors|pytorch_model\.bin)$|(a1|a2|a3|tv|ra)_in1k/, licence: "see the model's card" },
  { id: "inat2021", title: "supervised iNat2021", ...torchvision, prefixes: ["", "module."], drop: [], head: { names: ["fc"], classes: 10000, labels: "inat2021-10000" }, fileName: /large|full/i, licence: "MIT (newt's code)" },
  { id: "inat2021-mini", title: "supervised iNat2021-mini", ...torchvision, prefixes: ["", "module."], drop: [], head: { names: ["fc"], classes: 10000, labels: "inat2021-10000" }, fileName: /mini/i, licence: "MIT (newt's code)" },
  { id: "insdis", title: "InsDis (PyContrast)", ...contrast, needs: [/^(module\.)?head\./], lacks: [/^(module\.)?head_jig\./, /^(module\.)?head\.2\./], numerics: torchvisionNumerics, licence: "BSD-2-Clause" },
  { id: "pirl", title: "PIRL (PyContrast)", ...contrast, needs: [/^(module\.)?head_jig\./], lacks: [/^(module\.)?head\.2\./], numerics: torchvisionNumerics, licence: "BSD-2-Clause" },
  { id: "infomin", title: "InfoMin (PyContrast)", ...contrast, needs: [/^(module\.)?head_jig\./, /^(module\.)?head\.2\./], numerics: torchvisionNumerics, licence: "BSD-2-Clause" },
  { id: "moco-v1", title: "MoCo v1", ...moco, needs: [/^module\.encoder_q\.fc\.weight$/], queue: 65536, fileName: /moco/i, numerics: torchvisionNumerics, licence: "CC BY-NC 4.0 at release" },
  { id: "pcl-v1", title: "PCL v1", ...moco, needs: [/^module\.encoder_q\.fc\.weight$/], queue: 16384, fileName: /pcl/i, numerics: torchvisionNumerics, licence: "MIT" },
  { id: "moco-v2", title: "MoCo v2", ...moco, needs: [/^module\.encoder_q\.fc\.2\./], queue: 65536, fileName: /moco/i, numerics: torchvisionNumerics, licence: "CC BY-NC 4.0 at release" },
  { id: "pcl-v2", title: "PCL v2", ...moco, needs: [/^module\.encoder_q\.fc\.2\./], queue: 16384, fileName: /pcl/i, numerics: torchvisionNumerics, licence: "MIT" },
  { id: "swav", title: "SwAV", ...swavFamily, needs: [/prototypes\.weight$/], fileName: /(^|[/_-])swav/i, numerics: swav, licence: "CC BY-NC 4.0 at release" },
  { id: "deepcluster-v2", title: "DeepCluster v2", ...swavFamily, needs: [/prototypes\.prototypes\d+\./], fileName: /deepcluster/i, numerics: swav, licence: "CC BY-NC 4.0 at release" },
  { id: "sela-v2", title: "SeLa v2", ...swavFamily, needs: [/prototypes/], fileName: /sela/i, numerics: swav, licence: "CC BY-NC 4.0 at release" },
  { id: "barlow-twins", title: "Barlow Twins", ...bare, fileName: /barlow|bs2048_lrw|lambd/i, licence: "MIT" },
  { id: "vicreg", title: "VICReg", ...bare, fileName: /vicreg/i, licence: "see VICReg" },
  { id: "dino", title: "DINO", ...bare, fileName: /dino/i, licence: "Apache-2.0" },
  { id: "barlow-twins", title: "Barlow Twins, training checkpoint", at: ["model"], prefixes: ["module.backbone."], needs: [/^module\.projector\./, /^module\.bn\./], drop: [/^module\.(projector|bn)\./], numerics: torchvisionNumerics, licence: "MIT" },
  { id: "vicreg", title: "VICReg, training checkpoint", at: ["model"], prefixes: ["module.backbone."], needs: [/^module\.projector\./], lacks: [/^module\.bn\./], drop: [/^module\.projector\./], numerics: torchvisionNumerics, licence: "see VICReg" },
  { id: "dino", title: "DINO, training checkpoint (teacher)", at: ["teacher"], prefixes: ["backbone.", "module.backbone."], needs: [/^(module\.)?head\./], drop: [/^(module\.)?head\./], numerics: torchvisionNumerics, licence: "Apache-2.0" },
  { id: "simsiam", title: "SimSiam", at: ["state_dict"], prefixes: ["module.encoder."], needs: [/^module\.predictor\./], drop: [/^module\.encoder\.fc\./, /^module\.predictor\./], numerics: torchvisionNumerics, licence: "CC BY-NC 4.0" },
  { id: "imagenet-chestxray14", title: "ImageNet, then ChestX-ray14", ...chest, drop: [], head: { ...chestHead, labels: "chestxray14" }, fileName: /imagenet.*chestx/i },
  { id: "imagenet-chexpert", title: "ImageNet, then CheXpert", ...chest, drop: [], head: { ...chestHead, labels: "chexpert14" }, fileName: /imagenet.*chexp/i },
  { id: "chestxray14", title: "ChestX-ray14", ...chest, drop: [], head: { ...chestHead, labels: "chestxray14" }, fileName: /^(?!.*imagenet).*chestx/i },
  { id: "chexpert", title: "CheXpert", ...chest, drop: [], head: { ...chestHead, labels: "chexpert14" }, fileName: /^(?!.*imagenet).*chexp/i },
  { id: "radimagenet", title: "RadImageNet", at: [""], prefixes: ["backbone."], style: "sequential", drop: [/^(fc|classifier)\./], numerics: torchvisionNumerics, licence: "see RadImageNet" },
  { id: "lightly", title: "a model of lightly", anyDepth: true, at: ["state_dict"], prefixes: ["backbone."], style: "sequential", drop: [/./], numerics: torchvisionNumerics, licence: "unknown" },
  { id: "solo-learn", title: "a model of solo-learn", anyDepth: true, at: ["state_dict"], prefixes: ["backbone.", "encoder."], needs: [/^(projector|predictor|classifier|momentum_\w+|prototypes|online_\w+)\./], lacks: [/^decoder\./], drop: [/./], numerics: torchvisionNumerics, licence: "unknown" },
  { id: "mmselfsup", title: "a model of mmselfsup", anyDepth: true, at: ["state_dict"], prefixes: ["backbone.", "encoder_q.0.", "online_net.0."], needs: [/^(neck|head|data_preprocessor|queue|encoder_k|target_net)\b/], drop: [/./], numerics: torchvisionNumerics, licence: "unknown" },
  { id: "huggingface", title: "transformers' ResNet", anyDepth: true, at: [""], prefixes: ["", "resnet."], style: "huggingface", drop: [], head: { names: ["classifier.1"], classes: 1000, labels: "imagenet1k" }, numerics: torchvisionNumerics, licence: "Apache-2.0 (microsoft/resnet-50)" },
];

/** BYOL pads every window as TensorFlow does. */
export const byolNumerics: Numerics = { ...torchvisionNumerics, padding: "same" };

/** SimCLR takes RGB in [0, 1] as it is, and pads only its max-pool as TensorFlow does. */
export const simclrNumerics: Numerics = { ...torchvisionNumerics, poolPadding: "same", input: { mean: [0, 0, 0], std: [1, 1, 1], range: [0, 1] } };
