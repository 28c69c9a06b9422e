import { printable, type Style, type Terminal } from "./terminal.js";

const GAP = "  ";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | null;
  readonly align?: "right";
  readonly style?: (row: Row) => Style | undefined;
  /** Left out where the terminal is too narrow, the lowest first; without it, never. */
  readonly spare?: number;
}

/**
 * Rows under titles, each column as wide as its widest value, two spaces between. Absent values are a dash. What is too wide for
 * the terminal loses columns that can be spared: `show` and `--json` have them.
 */
export function formatTable<Row>(terminal: Terminal, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const { text, width } = layOut(terminal, columns, rows);
  if (width <= (terminal.columns ?? width)) return text;
  const least = Math.min(...columns.map(({ spare }) => spare ?? Number.POSITIVE_INFINITY));
  if (least === Number.POSITIVE_INFINITY) return text;
  return formatTable(
    terminal,
    columns.filter(({ spare }) => spare !== least),
    rows,
  );
}

function layOut<Row>(terminal: Terminal, columns: readonly Column<Row>[], rows: readonly Row[]): { text: string; width: number } {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row) ?? "-") || "-"));
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((line) => line[index].length)));
  const pad = (text: string, index: number): string =>
    columns[index].align === "right" ? text.padStart(widths[index]) : text.padEnd(widths[index]);
  const head = columns
    .map((column, index) => pad(column.title, index))
    .join(GAP)
    .trimEnd();
  const lines = cells.map((line, rowIndex) => {
    const padded = line.map((text, index) => {
      const style = columns[index].style?.(rows[rowIndex]);
      const last = index === columns.length - 1 && columns[index].align === undefined;
      const shown = last ? text : pad(text, index);
      return style === undefined ? shown : terminal.paint(style, shown);
    });
    return padded.join(GAP).trimEnd();
  });
  const width = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length);
  return { text: [terminal.paint("bold", head), ...lines].join("\n"), width };
}

/** Names and values below each other, the values in one column. What is absent is left out. */
export function formatFields(terminal: Terminal, fields: readonly (readonly [name: string, value: string | null])[]): string {
  const present = fields.filter((field): field is readonly [string, string] => field[1] !== null && field[1] !== "");
  const width = Math.max(...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${terminal.paint("dim", name.padEnd(width))}  ${printable(value)}`).join("\n");
}
