import fc from "fast-check";
import { checkOp } from "../testing/check-op.ts";
import { cases, reluCase } from "./relu.cases.ts";

const shape = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 });

checkOp("relu", cases, { arbitrary: fc.tuple(shape, fc.nat(1000)).map(([s, seed]) => reluCase(s, seed)) });
