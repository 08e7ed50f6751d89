export * from "./bootstrap.ts";
export * from "./counts.ts";
export * from "./multiclass.ts";
export * from "./overlap.ts";
export * from "./roc.ts";
export { incompleteBeta, normalQuantile, normalUpperTail, studentUpperTail } from "./special.ts";
export { mean, median, populationSd, quantile, sd, type Summary, summarize } from "./summary.ts";
export * from "./t-test.ts";
