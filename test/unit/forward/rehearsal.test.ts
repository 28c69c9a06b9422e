import assert from "node:assert/strict";
import { test } from "node:test";
import { rehearseForwarding } from "../../../src/frame/forward/rehearsal.js";

test("a rehearsal forwards every one of its packets, of both families", () => {
  assert.equal(rehearseForwarding(), 40 * 128);
});
