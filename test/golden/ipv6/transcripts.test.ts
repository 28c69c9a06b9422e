import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { packageRoot } from "../../support/paths.js";
import { describeUtterance, readTranscript, roundTrip } from "./transcript.js";

const FOLDER = join(packageRoot, "test/golden/ipv6");

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".transcript"))) {
  describe(file, () => {
    const transcript = readTranscript(readFileSync(join(FOLDER, file), "utf8"));

    test("has both sides", () => {
      assert.deepEqual(new Set(transcript.map(({ utterance }) => utterance.from)), new Set(["client", "server"]));
    });

    for (const [index, { utterance, said }] of transcript.entries()) {
      test(`${index + 1}: ${said.slice(0, 60)}`, () => {
        assert.equal(describeUtterance(utterance), said);
        const { before, after } = roundTrip(utterance);
        assert.equal(after, before);
      });
    }
  });
}
