/** A report's figures as drawings: one SVG a case and metric, a bar a system, a line from the smallest to the largest round. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report, Row } from "./report.js";
import { formatFigure } from "./statistics.js";

const WIDTH = 860;
const LABELS = 210;
const FIGURES = 150;
const BAR = 22;
const GAP = 8;
const TOP = 52;
const BOTTOM = 34;
const OURS = /^tapnet/;
const COLOUR = { ours: "#1a73b7", others: "#9aa5b1", range: "#333" } as const;

/** Writes the drawings into a folder, which is made where it is missing. */
export function writePlots(report: Report, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const plots = new Map<string, Row[]>();
  for (const row of report.rows) {
    const key = `${row.case}: ${row.metric}`;
    plots.set(key, [...(plots.get(key) ?? []), row]);
  }
  for (const [title, rows] of plots)
    writeFileSync(join(folder, `${fileName(`${report.bench} ${title}`)}.svg`), drawBars(title, rows));
}

function fileName(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

/** One drawing: as wide as the largest value needs, from zero. */
export function drawBars(title: string, rows: readonly Row[]): string {
  const most = Math.max(...rows.map(({ max }) => max));
  const scale = most === 0 ? 0 : (WIDTH - LABELS - FIGURES) / most;
  const height = TOP + rows.length * (BAR + GAP) + BOTTOM;
  const bars = rows.map((row, index) => drawBar(row, TOP + index * (BAR + GAP), scale));
  const note = "bar: median; line: smallest to largest round";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" role="img" aria-label="${escaped(title)}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="16" y="24" font-size="16" font-weight="bold">${escaped(title)}</text>`,
    `<text x="16" y="42" fill="#555">${escaped(rows[0].unit)}</text>`,
    ...bars,
    `<text x="16" y="${height - 12}" fill="#777" font-size="11">${note}</text>`,
    "</svg>\n",
  ].join("\n");
}

function drawBar({ system, median, min, max }: Row, y: number, scale: number): string {
  const middle = y + BAR / 2;
  const x = (value: number): string => (LABELS + value * scale).toFixed(1);
  const colour = OURS.test(system) ? COLOUR.ours : COLOUR.others;
  return [
    `<text x="${LABELS - 10}" y="${middle + 4}" text-anchor="end">${escaped(system)}</text>`,
    `<rect x="${LABELS}" y="${y}" width="${(median * scale).toFixed(1)}" height="${BAR}" fill="${colour}"/>`,
    `<line x1="${x(min)}" x2="${x(max)}" y1="${middle}" y2="${middle}" stroke="${COLOUR.range}" stroke-width="2"/>`,
    `<text x="${(Number(x(max)) + 8).toFixed(1)}" y="${middle + 4}">${formatFigure(median)}</text>`,
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(`"`, "&quot;");
}
