import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatElapsed, formatRelative } from "../../../src/base/times.js";
import { type Column, formatFields, formatTable } from "../../../src/cli/table.js";
import { printable, type Terminal } from "../../../src/cli/terminal.js";

const PLAIN: Terminal = { print: () => undefined, note: () => undefined, paint: (_, text) => text, colours: false };
const MARKED: Terminal = { ...PLAIN, paint: (style, text) => `<${String(style)}>${text}</>` };

interface Row {
  readonly name: string;
  readonly count: number;
  readonly note: string | null;
}

const ROWS: readonly Row[] = [
  { name: "a", count: 7, note: "x" },
  { name: "longer", count: 1234, note: null },
];

describe("a table", () => {
  it("aligns its columns and leaves no space at a line's end", () => {
    const text = formatTable<Row>(
      PLAIN,
      [
        { title: "NAME", value: (row) => row.name },
        { title: "COUNT", value: (row) => String(row.count), align: "right" },
        { title: "NOTE", value: (row) => row.note },
      ],
      ROWS,
    );
    assert.equal(text, "NAME    COUNT  NOTE\na           7  x\nlonger   1234  -");
  });

  it("loses the columns that can be spared where the terminal is narrow, the lowest first", () => {
    const columns: readonly Column<Row>[] = [
      { title: "NAME", value: (row) => row.name },
      { title: "COUNT", spare: 2, value: (row) => String(row.count) },
      { title: "NOTE", spare: 1, value: (row) => row.note },
    ];
    const titles = [100, 19, 18, 12, 3].map((width) => formatTable({ ...PLAIN, columns: width }, columns, ROWS).split("\n")[0]);
    assert.deepEqual(titles, ["NAME    COUNT  NOTE", "NAME    COUNT  NOTE", "NAME    COUNT", "NAME", "NAME"]);
  });

  it("colours words without moving columns", () => {
    const text = formatTable<Row>(
      MARKED,
      [
        { title: "NAME", value: (row) => row.name, style: () => "green" },
        { title: "N", value: () => "1" },
      ],
      ROWS,
    );
    assert.equal(text, "<bold>NAME    N</>\n<green>a     </>  1\n<green>longer</>  1");
  });

  it("obeys nothing that others wrote", () => {
    assert.equal(printable("web\u001b[2J\u0007\u202e1\n"), "web�[2J��1�");
  });

  it("leaves absent fields out", () => {
    assert.equal(
      formatFields(PLAIN, [
        ["a", "1"],
        ["long", null],
        ["bb", "2"],
        ["c", ""],
      ]),
      "a   1\nbb  2",
    );
  });
});

describe("a time", () => {
  for (const [seconds, text] of [
    [0, "0 s"],
    [59, "59 s"],
    [60, "1 min"],
    [3599, "59 min 59 s"],
    [7260, "2 h 1 min"],
    [86_400, "1 d"],
    [90_061, "1 d 1 h"],
    [86_460, "1 d"],
  ] as const) {
    it(`of ${seconds} s is ${text}`, () => assert.equal(formatElapsed(seconds * 1000), text));
  }

  it("is told from now", () => {
    assert.equal(formatRelative("2025-01-31T12:00:00Z", Date.parse("2025-01-31T11:08:00Z")), "in 52 min");
    assert.equal(formatRelative("2025-01-31T12:00:00Z", Date.parse("2025-01-31T15:00:00Z")), "3 h ago");
    assert.equal(formatRelative(null, 0), null);
  });
});
