import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes } from "../../../src/base/sizes.js";

test("sizes as people read them", () => {
  const rows: readonly (readonly [number, string])[] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [5_678_901, "5.7 MB"],
    [1.2e12, "1.2 TB"],
    [9e18, "9000 PB"],
  ];
  for (const [bytes, text] of rows) assert.equal(formatBytes(bytes), text);
});
