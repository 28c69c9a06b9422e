import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.js";
import { rehearse } from "../../../src/daemon/wiring/rehearsal.js";

test("the rehearsal goes the whole way: every exchange ends in an ACK", async () => {
  assert.equal(await rehearse(systemClock), 16);
});
