// Numbers and times for people.

/** Three significant digits: `1.08`, `0.0123`, `12.3`. */
export const number = (value: number): string => (Number.isFinite(value) ? (Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))) : "–");

/** `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
}

/** A share of one: `93.4 %`. */
export const percent = (share: number | null): string => (share === null ? "–" : `${(100 * share).toFixed(1)} %`);
