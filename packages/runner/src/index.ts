export { type ModelConfig, parseStudy, type StudyConfig, type TaskConfig } from "./config.ts";
export type { Listener, StudyEvent } from "./events.ts";
export { type InitSource, type LoadedInit, randomInit } from "./inits.ts";
export { reportHtml } from "./report-html.ts";
export { reportTable } from "./report-table.ts";
export type * from "./results.ts";
export { memoryStore, type Store } from "./store.ts";
export { runStudy, StudyInterrupted, type StudyOptions } from "./study.ts";
export { Trial, type TrialHooks, type TrialSpec } from "./trial.ts";
