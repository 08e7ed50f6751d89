// Tables as CSV (RFC 4180: quotes where needed, lines end in CR LF), for spreadsheets and scripts alike.

/** A text, a number (in the shortest form that reads back to the same bits), or nothing. */
export type Cell = string | number | null;

export const csvOf = (rows: readonly (readonly Cell[])[]): string =>
  rows.map((cells) => `${cells.map((cell) => (typeof cell === "string" ? text(cell) : cell === null ? "" : String(cell))).join(",")}\r\n`).join("");

/** A spreadsheet takes these for the beginning of a formula, and some formulas reach outside of it. */
const formula = /^[=+\-@\t\r]/;

/** Text as a cell: an apostrophe before what looks like a formula, quotes where the format needs them. */
function text(value: string): string {
  const safe = formula.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
