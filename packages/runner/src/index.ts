export { type ModelConfig, parseStudy, type StudyConfig, type TaskConfig } from "./config.ts";
export type { Listener, StudyEvent } from "./events.ts";
export type * from "./results.ts";
export { memoryStore, type Store } from "./store.ts";
