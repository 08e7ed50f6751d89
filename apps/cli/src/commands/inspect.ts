import { type Listed, listContents } from "@roentgen/checkpoints";
import { type OpenedFile, withWeightFile } from "@roentgen/checkpoints/node";
import { format } from "@roentgen/core";
import { printable } from "../printable.ts";
import { grouped, textTable } from "../text-table.ts";

export interface InspectOptions {
  readonly member?: string;
  readonly json?: boolean;
}

interface Row {
  readonly name: string;
  /** `f32[64,3,7,7]`, or what else is there. */
  readonly what: string;
  readonly bytes: number | null;
}

/** `roentgen inspect`: what is in a weight file of any kind. Reads no tensor. */
export async function inspect(path: string, { json = false, member }: InspectOptions): Promise<void> {
  await withWeightFile(path, async (file) => {
    const rows = listContents(file.container.root).map(toRow);
    const { kind, packedIn, metadata } = file.container;
    const out = json ? JSON.stringify({ file: file.name, bytes: file.bytes, container: kind, packedIn, metadata: Object.fromEntries(metadata), contents: rows }, null, 2) : formatInspected(file, rows);
    process.stdout.write(`${out}\n`);
  }, { member });
}

function toRow({ path, value, tensor }: Listed): Row {
  if (tensor) return { name: path, what: format(tensor.dtype, tensor.shape), bytes: tensor.bytes };
  return { name: path, what: described(value), bytes: null };
}

/** A leaf that is no tensor, as a few words. */
function described(value: Listed["value"]): string {
  if (value === null || typeof value !== "object") return JSON.stringify(typeof value === "bigint" ? String(value) : (value ?? null)).slice(0, 60);
  if (value instanceof Map) return "empty dict";
  if (Array.isArray(value)) return value.length === 0 ? "empty list" : `list of ${value.length}`;
  if ("items" in value && !("path" in value)) return `${value.items.length} values`;
  if ("path" in value) return `object of ${value.path.replace(" ", ".")}, not read`;
  return "bytes or text, not read";
}

export function formatInspected({ name, bytes, container: { kind, packedIn, metadata } }: Pick<OpenedFile, "name" | "bytes" | "container">, rows: readonly Row[]): string {
  const tensors = rows.filter((row) => row.bytes !== null);
  const table = textTable<Row>(rows, [
    { head: "name", of: (r) => printable(r.name), most: 90 },
    { head: "what", of: (r) => printable(r.what) },
    { head: "bytes", of: (r) => (r.bytes === null ? "" : grouped(r.bytes)), right: true },
  ]);
  return [
    `${name}: ${[...packedIn, kind].join(" > ")}, ${grouped(bytes)} bytes, ${tensors.length} tensors of ${grouped(tensors.reduce((sum, row) => sum + (row.bytes ?? 0), 0))} bytes`,
    "",
    table,
    ...(metadata.size === 0 ? [] : ["", "metadata", ...[...metadata].map(([key, value]) => `  ${printable(key)} = ${printable(value).slice(0, 200)}`)]),
  ].join("\n");
}
