import assert from "node:assert/strict";
import { it } from "node:test";
import { describeForJournal } from "../../../src/daemon/log.js";

it("gives each line of an entry its priority in the journal", () => {
  assert.equal(describeForJournal({ level: 30, time: 0, msg: "serving" }), "<6>serving");
  const fields = { level: 50, time: 0, msg: "it failed", guest: "web1", err: { stack: "Error: x\n    at y" } } as const;
  assert.equal(describeForJournal(fields), "<3>it failed guest=web1 err=Error: x\n<3>    at y");
});
