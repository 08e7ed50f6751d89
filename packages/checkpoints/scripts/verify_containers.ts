// Converts each file that write_containers.py made and prints a SHA-256 over names, shapes and data of its tensors: all must be equal.
//
//   npx tsx --conditions=source packages/checkpoints/scripts/verify_containers.ts FILE...
import { createHash } from "node:crypto";
import { loadConverted } from "../src/node.ts";

let first = "";
for (const path of process.argv.slice(2)) {
  const began = performance.now();
  const { tensors, report } = await loadConverted(path);
  const hash = createHash("sha256");
  for (const [name, { dtype, shape, data }] of tensors) hash.update(`${name} ${dtype} ${shape}\n`).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const sum = hash.digest("hex");
  first ||= sum;
  console.log(`${sum === first ? "same" : "DIFFERENT"}  ${sum.slice(0, 16)}  ${report.container}  ${report.method}  ${tensors.size} tensors  ${Math.round(performance.now() - began)} ms  ${path}`);
  if (sum !== first) process.exitCode = 1;
}
