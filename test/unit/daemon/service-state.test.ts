import assert from "node:assert/strict";
import { it } from "node:test";
import { silentLogger } from "../../../src/base/log.js";
import { parseConfiguration } from "../../../src/config/index.js";
import { ServiceState } from "../../../src/daemon/service-state.js";
import { ManualClock } from "../../support/manual-clock.js";

it("remembers a reload that was refused until there is a better one, and what waits for a restart", () => {
  const started = parseConfiguration("", "t.yaml");
  const state = new ServiceState(started, silentLogger, new ManualClock());
  state.refused("t.yaml:1:1: one\nt.yaml:2:1: two\nt.yaml:3:1: three");
  assert.deepEqual(state.warnings, [
    "the configuration was not loaded; the one before stays in effect: t.yaml:1:1: one (and 2 more; see: tapnet config check)",
  ]);
  state.loaded(parseConfiguration("run: /run/other\ngroup: staff\nlog: debug\n", "t.yaml"), 1);
  assert.deepEqual(state.warnings, ["run, group of the configuration take effect at a restart only"]);
  state.loaded(started, 1);
  assert.deepEqual(state.warnings, []);
});

it("feeds the unit's watchdog from when it is ready until it stops", () => {
  const clock = new ManualClock();
  const sent: string[] = [];
  const state = new ServiceState(parseConfiguration("", "t.yaml"), silentLogger, clock, (states) => void sent.push(...states));
  state.ready(1, 15_000);
  clock.advance(45_000);
  state.stopping();
  clock.advance(60_000);
  assert.deepEqual(sent, ["READY=1", "STATUS=serving 1 network", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]);
});
