import { basename } from "node:path";
import { type ConvertedFile, convertFile, type ConvertFileOptions } from "@roentgen/checkpoints/node";
import { grouped } from "../text-table.ts";

export interface ConvertCommandOptions extends ConvertFileOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/** `roentgen convert`: any weight file to safetensors with torchvision's names. Without --out it only tells what it would do. */
export async function convert(path: string, { out, json = false, ...options }: ConvertCommandOptions): Promise<void> {
  const converted = await convertFile(path, out, options);
  process.stdout.write(`${json ? JSON.stringify({ ...converted, metadata: Object.fromEntries(converted.metadata) }, null, 2) : formatConverted(converted)}\n`);
}

const sure = { certain: "certain", asked: "as asked for", likely: "likely: the file's name decides", guess: "a guess" } as const;

export function formatConverted({ report: r, numerics: n, metadata, source, written }: ConvertedFile): string {
  const native = metadata.get("roentgen.padding_native");
  const lines = [
    `${source.name}: ${r.title} (${r.method}), ${sure[r.sureness]}`,
    ...r.because.map((why) => `  ${why}`),
    ...(r.alike.length > 0 ? [`  files of ${r.alike.join(", ")} look the same and are read the same way${r.sureness === "guess" || r.sureness === "likely" ? "; --method says which it is" : ""}`] : []),
    "",
    `container   ${[...r.packedIn, r.container].join(" > ")}, ${grouped(source.bytes)} bytes, sha256 ${source.sha256}`,
    `network     ${r.arch}${r.width === 64 ? "" : `, width ${r.width}`}, ${r.tensors} tensors, ${grouped(r.bytes)} bytes, from ${r.path === "" ? "the outermost dict" : r.path}`,
    `classifier  ${r.fc}`,
    `numerics    stride on ${n.strideOn}, padding ${n.padding}${n.poolPadding ? ` (max-pool ${n.poolPadding})` : ""}${native === undefined ? "" : ` as the study had it (natively ${native})`}, eps ${n.bnEps}`,
    `input       RGB in ${n.input.range.join("..")}, mean ${n.input.mean.join(" ")}, std ${n.input.std.join(" ")}`,
    `licence     ${r.licence}`,
    ...section("renamed", r.renamed.map(([from, to]) => `${from} -> ${to}`)),
    ...section("dropped", r.dropped),
    ...section("missing, filled with 0", r.synthesised),
    "",
    written ? `written     ${written.path}, ${grouped(written.bytes)} bytes` : `nothing written; give --out ${basename(source.name).replace(/\..*$/, "")}.safetensors`,
  ];
  return lines.join("\n");
}

const section = (title: string, names: readonly string[]): string[] => (names.length === 0 ? [] : ["", `${title} (${names.length})`, ...names.map((name) => `  ${name}`)]);
