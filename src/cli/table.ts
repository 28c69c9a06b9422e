import { printable, type Style, type Terminal } from "./terminal.js";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | null;
  readonly align?: "right";
  readonly style?: (row: Row) => Style | undefined;
}

/** Rows under titles, each column as wide as its widest value, two spaces between. Absent values are a dash. */
export function formatTable<Row>(terminal: Terminal, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row) ?? "-") || "-"));
  const widths = columns.map((column, index) => Math.max(column.title.length, ...cells.map((line) => line[index].length)));
  const pad = (text: string, index: number): string =>
    columns[index].align === "right" ? text.padStart(widths[index]) : text.padEnd(widths[index]);
  const head = columns
    .map((column, index) => pad(column.title, index))
    .join("  ")
    .trimEnd();
  const lines = cells.map((line, rowIndex) => {
    const padded = line.map((text, index) => {
      const style = columns[index].style?.(rows[rowIndex]);
      const last = index === columns.length - 1 && columns[index].align === undefined;
      const shown = last ? text : pad(text, index);
      return style === undefined ? shown : terminal.paint(style, shown);
    });
    return padded.join("  ").trimEnd();
  });
  return [terminal.paint("bold", head), ...lines].join("\n");
}

/** Names and values below each other, the values in one column. What is absent is left out. */
export function formatFields(terminal: Terminal, fields: readonly (readonly [name: string, value: string | null])[]): string {
  const present = fields.filter((field): field is readonly [string, string] => field[1] !== null && field[1] !== "");
  const width = Math.max(...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${terminal.paint("dim", name.padEnd(width))}  ${printable(value)}`).join("\n");
}
