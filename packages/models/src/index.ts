export { modelNamed } from "./named.ts";
export { ResNet, resnet, type ResNetDepth, resnetDepths, type ResNetOptions, samePadding } from "./resnet.ts";
export { summarise, type Summary, type SummaryRow } from "./summary.ts";
export { UNet, unet, type UNetOptions } from "./unet.ts";
