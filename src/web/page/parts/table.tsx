/** Tables, their heads that sort, their pages. */
import type { ComponentChildren } from "preact";
import { counted, formatCount } from "./texts.js";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  readonly align?: "right";
  /** Left out where the screen is narrow: 1 at first, 3 only on a phone. */
  readonly spare?: 1 | 2 | 3;
  /** What the head sorts by; without it, it does not. */
  readonly sort?: string;
  /** For those who hover. */
  readonly hint?: string;
}

export interface Sorting {
  readonly by: string;
  readonly descending: boolean;
  readonly onSort: (by: string) => void;
}

export function Table<Row>(props: {
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  caption: string;
  sorting?: Sorting;
}) {
  const { columns, rows, keyOf, caption, sorting } = props;
  return (
    <div class="table-frame">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.title} column={column} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)} data-title={column.title}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head<Row>(props: { column: Column<Row>; sorting: Sorting | undefined }) {
  const { column, sorting } = props;
  const { sort, title, hint } = column;
  if (sort === undefined || sorting === undefined) {
    return (
      <th scope="col" class={classOf(column)} title={hint}>
        {title === "" ? <span class="unseen">actions</span> : title}
      </th>
    );
  }
  const isBy = sorting.by === sort;
  const direction = sorting.descending ? "descending" : "ascending";
  return (
    <th scope="col" class={classOf(column)} aria-sort={isBy ? direction : "none"} title={hint}>
      <button type="button" class="sort" onClick={() => sorting.onSort(sort)}>
        {title}
        <span aria-hidden="true">{isBy ? (sorting.descending ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
}

function classOf<Row>({ align, spare }: Column<Row>): string {
  return `${align ?? ""} ${spare === undefined ? "" : `spare-${spare}`}`.trim();
}

export function Pager(props: { page: number; pages: number; total: number; what: string; onPage: (page: number) => void }) {
  const { page, pages, total, what, onPage } = props;
  return (
    <nav class="pager" aria-label={`pages of ${what}s`}>
      <span class="muted">{counted(total, what)}</span>
      {pages > 1 && (
        <span class="pager-buttons">
          <button type="button" class="quiet" disabled={page === 0} onClick={() => onPage(page - 1)}>
            ‹ back
          </button>
          <span>
            {formatCount(page + 1)} of {formatCount(pages)}
          </span>
          <button type="button" class="quiet" disabled={page >= pages - 1} onClick={() => onPage(page + 1)}>
            next ›
          </button>
        </span>
      )}
    </nav>
  );
}
