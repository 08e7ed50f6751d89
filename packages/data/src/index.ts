export {
  brightnessContrast,
  type ClassificationAugment,
  classificationAugment,
  type CropRange,
  gamma,
  randomBox,
  randomFlip,
  randomResizedCrop,
  randomRotation,
  randomSquare,
  segmentationAugment,
} from "./augment.ts";
export { type Batch, batchCount, batches, type BatchOptions, epochOrder } from "./batches.ts";
export { type Dataset, INDEX_FILE, loadDataset, type LoadLimits, type Sample } from "./dataset.ts";
export { type Box, centreBox, cropImage, cropMask, flipImage, flipMask, rotateImage, rotateMask, tenCrop } from "./geometry.ts";
export { type Image, type Mask, RGB, type View } from "./image.ts";
export { type Entry, type Listing, parseListing, type SplitName, type Task, type TaskKind } from "./listing.ts";
export { decodeMask, decodeRgb, encodeMask, MAX_SIDE, type PngLimits } from "./png.ts";
export { type NumberMap, resizeBilinear, resizeMap, resizeNearest } from "./resize.ts";
export { hashFiles, sha256 } from "./sha256.ts";
export { type FileSource, memorySource, urlSource } from "./source.ts";
export { centreCrop, chain, cropView, oneOf, resizeTo, resizeView, sometimes, type Step, TEN, tenCropView } from "./step.ts";
