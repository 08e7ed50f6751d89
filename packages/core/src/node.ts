export { isAlive, writeText, writeWhole } from "./files.ts";
