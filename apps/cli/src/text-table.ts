/** A column of a plain-text table: its head, and whether its cells are numbers (aligned right). */
export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => string;
  readonly right?: boolean;
  /** Longer cells lose their middle. */
  readonly most?: number;
}

/** Rows as lines, columns two spaces apart, with a line under the head. */
export function textTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map((row) => columns.map(({ of, most }) => cut(of(row), most)));
  const widths = columns.map(({ head }, i) => cells.reduce((most, line) => Math.max(most, line[i]?.length ?? 0), head.length));
  const line = (texts: readonly string[]) =>
    texts.map((text, i) => (columns[i]?.right ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0))).join("  ").trimEnd();
  return [line(columns.map((c) => c.head)), widths.map((width) => "-".repeat(width)).join("  "), ...cells.map(line)].join("\n");
}

function cut(text: string, most = Number.POSITIVE_INFINITY): string {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - end)}…${text.slice(text.length - end)}`;
}

export const grouped = (value: number): string => value.toLocaleString("en-US");
