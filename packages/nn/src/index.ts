export * as init from "./init.ts";
export { BatchNorm2d, Conv2d, type Conv2dOptions, Linear } from "./layers.ts";
export { dispose, materialize, type MaterializeOptions, memoryOf } from "./materialize.ts";
export { Module, ModuleList, nameModules } from "./module.ts";
export { Adam, AdamW, type AdamOptions, type OptimizerOptions, type ParameterGroup, Sgd, type SgdOptions } from "./optimizer.ts";
export { type FileLayout, type Init, Parameter } from "./parameter.ts";
export * as schedule from "./schedule.ts";
export type { Schedule } from "./schedule.ts";
export { fileShape, loadStateDict, type LoadOptions, stateDict } from "./state-dict.ts";
