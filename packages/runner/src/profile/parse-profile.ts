import { ConfigError } from "@roentgen/core";
import { z } from "zod";
import type { ComparableProfile } from "./compare.ts";

/** More than a profile of ten thousand dispatches needs. */
export const mostProfileBytes = 64 * 2 ** 20;

const name = z.string().max(1000);
const figure = z.number().nonnegative();
const groups = z.array(z.object({ name, timeMs: figure, leastMs: figure.optional(), mostMs: figure.optional(), dispatches: figure })).max(100_000);

const comparable = z.object({
  format: z.literal("roentgen profile 1"),
  workload: z.object({ model: name, train: z.boolean(), batch: figure, size: figure, precision: z.enum(["f32", "mixed"]).default("f32") }),
  adapter: z.object({ vendor: name, architecture: name, device: name, description: name, software: z.boolean(), toggles: z.array(name).max(1000), platform: z.enum(["node", "browser", "none"]) }),
  method: z.enum(["pass", "inside-pass", "wall"]),
  choice: z.object({ shapes: figure, tuned: z.record(name, name), date: name.nullable() }).optional(),
  totalMs: figure,
  leastMs: figure.optional(),
  mostMs: figure.optional(),
  plain: z.object({ wallMs: figure, leastMs: figure.optional(), mostMs: figure.optional() }),
  ceilings: z.object({ gflopPerSecond: figure, gigabytesPerSecond: figure }),
  dispatches: z.array(z.object({ label: name, timeMs: figure })).max(100_000),
  kernels: groups,
  ops: groups,
  layers: groups,
});

/** What `--json` wrote earlier, as far as a comparison needs it. Throws ConfigError with what is wrong and where. */
export function parseProfile(text: string, where: string): ComparableProfile {
  if (text.length > mostProfileBytes) throw new ConfigError(`${where}: has ${text.length} characters, more than any profile. Is it the right file?`);
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${where}: is no JSON (${error instanceof Error ? error.message : error}). Expected what \`roentgen profile --json\` printed.`);
  }
  const checked = comparable.safeParse(raw);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.slice(0, 5).map((issue) => `  ${issue.path.join(".") || "(top)"}: ${issue.message}`);
  throw new ConfigError(`${where}: is not a profile that this version wrote:\n${problems.join("\n")}\nExpected what \`roentgen profile --json\` printed.`);
}
