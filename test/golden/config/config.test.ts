import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ConfigurationError, parseConfiguration, showConfiguration } from "../../../src/config/index.js";
import { packageRoot } from "../../support/paths.js";

function read(name: string): string {
  return readFileSync(join(packageRoot, "test/golden/config", name), "utf8");
}

describe("golden configurations", () => {
  it("completes every section as complete.shown.yaml has it", () => {
    const shown = showConfiguration(parseConfiguration(read("complete.yaml"), "complete.yaml"));
    assert.equal(shown, read("complete.shown.yaml"));
  });

  it("reads back what it shows as the same configuration", () => {
    const shown = read("complete.shown.yaml");
    const again = parseConfiguration(shown, "complete.yaml");
    assert.equal(showConfiguration(again), shown);
  });

  it("reports the mistakes of mistakes.yaml as mistakes.report.txt has them", () => {
    assert.throws(
      () => parseConfiguration(read("mistakes.yaml"), "mistakes.yaml"),
      (error) => {
        assert(error instanceof ConfigurationError);
        assert.equal(`${error.report()}\n`, read("mistakes.report.txt"));
        return true;
      },
    );
  });
});
