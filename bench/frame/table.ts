import { describeMachine } from "./machine.js";
import type { Report, Row } from "./report.js";
import { formatFigure } from "./statistics.js";

const OURS = "tapnet";

/** The report for people: one block a case and metric, one line a system, with how it compares to us. */
export function formatTable(report: Report): string {
  const { cpu, cores, memoryGib, kernel } = describeMachine();
  const lines = [
    `${report.bench}: median of ${report.rounds} rounds (min – max)`,
    `on ${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}`,
    Object.entries(report.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  ];
  const blocks = new Map<string, Row[]>();
  for (const row of report.rows) {
    const key = `${row.case}: ${row.metric}, ${row.unit}`;
    blocks.set(key, [...(blocks.get(key) ?? []), row]);
  }
  for (const [title, rows] of blocks) lines.push("", title, ...formatBlock(rows));
  if (report.missing.length > 0) {
    lines.push("", ...report.missing.map(({ system, reason }) => `missing: ${system}: ${reason}`));
  }
  return lines.join("\n");
}

function formatBlock(rows: readonly Row[]): string[] {
  const ours = rows.find(({ system }) => system === OURS);
  const width = Math.max(...rows.map(({ system }) => system.length));
  return rows.map((row) => {
    const range = `(${formatFigure(row.min)} – ${formatFigure(row.max)})`;
    const ratio =
      ours === undefined || ours.median === 0 || row === ours ? "" : `${formatFigure(row.median / ours.median)} × ${OURS}`;
    return `  ${row.system.padEnd(width)}  ${formatFigure(row.median).padStart(12)}  ${range.padEnd(26)} ${ratio}`.trimEnd();
  });
}
