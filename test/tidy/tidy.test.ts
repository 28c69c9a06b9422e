/** The rules of the house. Each says file, line and what to do; each is proven to see by a file that breaks it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FILE_RULES } from "./file-rules.js";
import { type Finding, readHouse, show, sourceOf } from "./house.js";
import { TREE_RULES } from "./tree-rules.js";

const house = readHouse();

function assertNone(findings: readonly Finding[]): void {
  if (findings.length > 0) assert.fail(`\n${findings.map(show).join("\n")}`);
}

describe("the house", () => {
  test("is read whole", () => {
    const rooms = [
      "src/base/mac.ts",
      "src/wire/README.md",
      "test/tidy/tidy.test.ts",
      "README.md",
      "native/addon.cc",
      "scripts/test",
    ];
    for (const path of rooms)
      assert.ok(
        house.some((source) => source.path === path),
        `${path} was not found`,
      );
  });
  for (const rule of FILE_RULES) test(rule.name, () => assertNone(house.flatMap((source) => rule.check(source))));
  for (const rule of TREE_RULES) test(rule.name, () => assertNone(rule.check(house)));
});

describe("a canary is seen", () => {
  for (const rule of FILE_RULES) {
    test(rule.name, () => {
      const findings = rule.check(sourceOf(rule.canary.path, rule.canary.text));
      assert.equal(findings.length, 1);
      assert.match(show(findings[0]), new RegExp(`^${rule.canary.path}(?::1)?: \\S`));
    });
  }
  for (const rule of TREE_RULES) {
    test(rule.name, () => {
      const tree = Object.entries(rule.canary).map(([path, text]) => sourceOf(path, text));
      assert.equal(rule.check(tree).length, 1);
    });
  }
});
