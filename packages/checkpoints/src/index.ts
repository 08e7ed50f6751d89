export { type JsonObject, type JsonOptions, type JsonValue, parseJson } from "./json.ts";
export { type Converted, kerasResnet50Numerics, kerasResnet50ToTorchvision } from "./keras-resnet50.ts";
export { ohwiToOihw, oihwToOhwi } from "./layout.ts";
export { imagenetInput, type Numerics, numericsFromMetadata, numericsToMetadata, torchvisionNumerics, type Triple } from "./numerics.ts";
export { parseSafetensors, readSafetensorsHeader, type SafetensorsHeader, type TensorEntry } from "./safetensors.ts";
export { formatSafetensors } from "./safetensors-write.ts";
export { readTar } from "./tar.ts";
export { readTfjsLayers, type ReadShard } from "./tfjs-layers.ts";
