import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ConfigurationError, parseConfiguration, showConfiguration } from "../../../src/config/index.js";

/** The sources' folder; the compiled test stands in dist/. */
const FOLDER = new URL("../../../../test/golden/config/", import.meta.url);

function read(name: string): string {
  return readFileSync(fileURLToPath(new URL(name, FOLDER)), "utf8");
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
