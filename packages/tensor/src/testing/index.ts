export { type CaseInput, host64, type Host64, type OpCase, runCase } from "./op-case.ts";
export { tolerances } from "./tolerances.ts";
