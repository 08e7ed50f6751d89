export * from "./generated/index.ts";
export { type Binding, type Kernel, packParams, type ParamField, type ParamValues } from "./kernel.ts";
