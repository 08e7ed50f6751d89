// The models of the study, and where their authors released them: the addresses are those of the study's own model zoo
// (github.com/MR-HosseinzadehTaher/BenchmarkTransferLearning) and of the methods' readmes. Licences are those of the repositories
// that released the files; few say a word of the weights. Accuracies are ImageNet top-1 of a linear probe (or of the model's own
// head, for supervised ones) as the authors state them for exactly these files.

export interface Release {
  /** The method's id, as `convert` reports it. */
  readonly id: string;
  readonly title: string;
  /** What the file is called when it is downloaded. */
  readonly file: string;
  readonly url: string;
  readonly licence: string;
  readonly bytes: number | null;
  readonly sha256: string | null;
  /** ImageNet top-1 in percent; null where there is none. */
  readonly top1: number | null;
  /** What a person must know to get it. */
  readonly remark?: string;
}

const facebook = "https://dl.fbaipublicfiles.com";
const torch = "https://download.pytorch.org/models";
const pcl = "https://storage.googleapis.com/sfr-pcl-data-research/PCL_checkpoint";
const contrast = "https://www.dropbox.com/sh/87d24jqsl6ra7t2";
const newt = "https://cornell.box.com/s/bnyhq5lwobu6fgjrub44zle0pyjijbmw";
const zenodo = "https://zenodo.org/record/5205234/files";
const nonCommercial = "CC BY-NC 4.0";
const shared = { bytes: null, sha256: null } as const;
const pycontrast = { licence: "BSD-2-Clause", ...shared, remark: "the whole folder is linked in PyContrast's docs/MODEL_ZOO.md" } as const;
/** The name that the bundle's file has inside. */
const bundled = (file: string): string => `part of cvpr21_newt_pretrained_models.tar.gz (5.7 GB), on a share page that only a browser opens; convert that with --member pt/${file}`;

export const releases: readonly Release[] = [
  { id: "imagenet-v1", title: "supervised ImageNet (torchvision V1)", file: "resnet50-0676ba61.pth", url: `${torch}/resnet50-0676ba61.pth`, licence: "BSD-3-Clause", bytes: 102_530_333, sha256: "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a", top1: 76.13 },
  { id: "imagenet-v2", title: "supervised ImageNet (torchvision V2)", file: "resnet50-11ad3fa6.pth", url: `${torch}/resnet50-11ad3fa6.pth`, licence: "BSD-3-Clause", bytes: 102_540_417, sha256: "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca", top1: 80.86 },
  { id: "inat2021", title: "supervised iNat2021", file: "inat2021_supervised_large.pth.tar", url: newt, licence: "MIT (newt's code)", ...shared, top1: null, remark: bundled("inat2021_supervised_large.pth.tar") },
  { id: "inat2021-mini", title: "supervised iNat2021-mini", file: "inat2021_supervised_mini.pth.tar", url: newt, licence: "MIT (newt's code)", ...shared, top1: null, remark: bundled("inat2021_supervised_mini.pth.tar") },
  { id: "insdis", title: "InsDis", file: "InsDis.pth", url: `${contrast}/AACcsSIt1_Njv7GsmsuzZ6Sta/InsDis.pth?dl=1`, ...pycontrast, top1: 59.5 },
  { id: "moco-v1", title: "MoCo v1", file: "moco_v1_200ep_pretrain.pth.tar", url: `${facebook}/moco/moco_checkpoints/moco_v1_200ep/moco_v1_200ep_pretrain.pth.tar`, licence: nonCommercial, ...shared, top1: 60.6 },
  { id: "moco-v2", title: "MoCo v2", file: "moco_v2_800ep_pretrain.pth.tar", url: `${facebook}/moco/moco_checkpoints/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar`, licence: nonCommercial, ...shared, top1: 71.1 },
  { id: "pirl", title: "PIRL", file: "PIRL.pth", url: `${contrast}/AADN4jKnvTI0U5oT6hTmQZz8a/PIRL.pth?dl=1`, ...pycontrast, top1: 61.7 },
  { id: "pcl-v1", title: "PCL v1", file: "PCL_v1_epoch200.pth.tar", url: `${pcl}/PCL_v1_epoch200.pth.tar`, licence: "MIT", ...shared, top1: 61.5 },
  { id: "pcl-v2", title: "PCL v2", file: "PCL_v2_epoch200.pth.tar", url: `${pcl}/PCL_v2_epoch200.pth.tar`, licence: "MIT", ...shared, top1: 67.6 },
  { id: "simclr-v1", title: "SimCLR v1", file: "ResNet50_1x.zip", url: "https://storage.cloud.google.com/simclr-gcs/checkpoints/ResNet50_1x.zip", licence: "Apache-2.0", ...shared, top1: 69.1, remark: "asks for a login; the same path under storage.googleapis.com does not" },
  { id: "simclr-v2", title: "SimCLR v2", file: "r50_1x_sk0", url: "https://storage.googleapis.com/simclr-checkpoints/simclrv2/pretrained/r50_1x_sk0/", licence: "Apache-2.0", ...shared, top1: 71.7, remark: "a folder: model.ckpt-250228.index and .data-00000-of-00001" },
  { id: "infomin", title: "InfoMin", file: "InfoMin_800.pth", url: `${contrast}/AAAzMTynP3Qc8mIE4XWkgILUa/InfoMin_800.pth?dl=1`, ...pycontrast, top1: 73.0 },
  { id: "swav", title: "SwAV", file: "swav_800ep_pretrain.pth.tar", url: `${facebook}/deepcluster/swav_800ep_pretrain.pth.tar`, licence: nonCommercial, ...shared, top1: 75.3 },
  { id: "sela-v2", title: "SeLa v2", file: "selav2_400ep_pretrain.pth.tar", url: `${facebook}/deepcluster/selav2_400ep_pretrain.pth.tar`, licence: nonCommercial, ...shared, top1: 71.8 },
  { id: "deepcluster-v2", title: "DeepCluster v2", file: "deepclusterv2_800ep_pretrain.pth.tar", url: `${facebook}/deepcluster/deepclusterv2_800ep_pretrain.pth.tar`, licence: nonCommercial, ...shared, top1: 75.2 },
  { id: "byol", title: "BYOL", file: "pretrain_res50x1.pkl", url: "https://storage.googleapis.com/deepmind-byol/checkpoints/pretrain_res50x1.pkl", licence: `${nonCommercial} (weights)`, ...shared, top1: 74.4, remark: "about 570 MB" },
  { id: "barlow-twins", title: "Barlow Twins", file: "barlow_twins_resnet50.pth", url: `${facebook}/barlowtwins/ep1000_bs2048_lrw0.2_lrb0.0048_lambd0.0051/resnet50.pth`, licence: "MIT", ...shared, top1: 73.5, remark: "called resnet50.pth there; under the name given here it is recognised" },
  { id: "chestxray14", title: "ChestX-ray14", file: "chestxray14.pth.tar", url: `${zenodo}/chestxray14.pth.tar?download=1`, licence: "see the record", ...shared, top1: null },
  { id: "chexpert", title: "CheXpert", file: "chexpert.pth.tar", url: `${zenodo}/chexpert.pth.tar?download=1`, licence: "see the record", ...shared, top1: null },
  { id: "imagenet-chestxray14", title: "ImageNet, then ChestX-ray14", file: "ImageNet_chestxray14.pth.tar", url: `${zenodo}/ImageNet_chestxray14.pth.tar?download=1`, licence: "see the record", ...shared, top1: null },
  { id: "imagenet-chexpert", title: "ImageNet, then CheXpert", file: "ImageNet_chexpert.pth.tar", url: `${zenodo}/ImageNet_chexpert.pth.tar?download=1`, licence: "see the record", ...shared, top1: null },
];
