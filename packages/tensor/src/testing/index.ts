export { type CaseInput, host64, type Host64, halved, type OpCase, runCase, withoutHalf } from "./op-case.ts";
export { tolerances } from "./tolerances.ts";
