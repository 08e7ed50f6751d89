const units: Readonly<Record<string, number>> = { "": 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };

/** Bytes as people write them: 500000000, 500MB, 1.5 GiB. Null for anything else, and for less than one byte. */
export function parseBytes(text: string): number | null {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const value = Math.floor(Number(number) * (units[unit.toUpperCase()] ?? Number.NaN));
  return Number.isSafeInteger(value) && value >= 1 ? value : null;
}
