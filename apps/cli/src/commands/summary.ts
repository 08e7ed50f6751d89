import { ConfigError } from "@roentgen/core";
import { modelNamed, type Summary, summarise, type SummaryRow, UNet } from "@roentgen/models";
import { grouped, textTable } from "../text-table.ts";

export interface SummaryOptions {
  readonly input: number;
  readonly batch: number;
  readonly json?: boolean;
}

/** `roentgen summary`: what a model is made of. Needs no GPU. */
export function summary(name: string, { input, batch, json = false }: SummaryOptions): void {
  const model = modelNamed(name);
  const multiple = model instanceof UNet ? 32 : 1;
  if (input % multiple !== 0) throw new ConfigError(`${name}: the input must be a multiple of ${multiple}, not ${input}: the encoder halves it five times.`);
  const made = summarise(model, { size: input, batch });
  const out = json ? JSON.stringify({ model: name, input: [batch, input, input, 3], ...made }, null, 2) : formatSummary(name, made, { input, batch });
  process.stdout.write(`${out}\n`);
}

export function formatSummary(name: string, made: Summary, { input, batch }: Pick<SummaryOptions, "input" | "batch">): string {
  const or = (value: number) => (value === 0 ? "" : grouped(value));
  const table = textTable<SummaryRow>(made.rows, [
    { head: "layer", of: (r) => r.name },
    { head: "op", of: (r) => r.op },
    { head: "output", of: (r) => r.output },
    { head: "parameters", of: (r) => or(r.parameters), right: true },
    { head: "multiply-adds", of: (r) => or(r.multiplyAdds), right: true },
  ]);
  return `${name} on f32[${batch},${input},${input},3]

${table}

parameters     ${grouped(made.parameters)} (${grouped(made.trainable)} trainable)
tensors        ${grouped(made.tensors)} in a checkpoint
multiply-adds  ${(made.multiplyAdds / 1e9).toFixed(3)} G
memory         ${(made.bytes / 1e6).toFixed(1)} MB of weights and state in f32`;
}
