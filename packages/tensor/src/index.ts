export { collectTasks, type Hardware, type OpenTask, useTuning, type Winners } from "./choice.ts";
export * from "./ops/index.ts";
export { groups, launch, op } from "./op.ts";
export { type InputData, record, type Spec, spec, Step } from "./record.ts";
export { Ring } from "./ring.ts";
export { floatDType, twinFor, type Twins } from "./storage.ts";
export { backward, type GradientOf, type Gradients, noGrad } from "./tape.ts";
export { empty, emptyLike, type FloatDType, persistent, Tensor, tensor, type TensorDType } from "./tensor.ts";
export { type Attempt, type Finding, parseTuning, tune, type TuneOptions, type Tuning, tuningIdentity, winnersOf } from "./tune.ts";
