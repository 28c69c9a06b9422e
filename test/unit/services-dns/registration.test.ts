/** Registration of the host's own lookups with systemd-resolved, through a program that is made up. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Exec, instruction, ResolvedRegistration } from "../../../src/services/dns/resolved.js";
import { ManualClock } from "../../support/manual-clock.js";

const LOOKUP = { ifname: "tapnet0", server: "10.77.0.1", domains: ["tapnet.internal", "0.77.10.in-addr.arpa"] };

function recorder(codes: readonly number[] = []) {
  const commands: string[] = [];
  const said: string[] = [];
  const exec: Exec = async (command, args) => {
    commands.push([command, ...args].join(" "));
    const code = codes[commands.length - 1] ?? 0;
    return { code, stderr: code === 99 ? "Failed to set DNS configuration: Link 1946157056 not known" : "no" };
  };
  const log = { debug() {}, warn() {}, error() {}, info: (_fields: object, text: string) => void said.push(text) };
  const clock = new ManualClock();
  return { commands, said, clock, registration: new ResolvedRegistration(exec, clock, log) };
}

describe("systemd-resolved", () => {
  test("is told our domains and no others, and everything is taken back", async () => {
    const { commands, registration } = recorder();
    assert.equal(await registration.register(LOOKUP), true);
    await registration.remove();
    await registration.remove();
    assert.deepEqual(commands, [
      "resolvectl dns tapnet0 10.77.0.1",
      "resolvectl domain tapnet0 ~tapnet.internal ~0.77.10.in-addr.arpa",
      "resolvectl default-route tapnet0 no",
      "resolvectl dnssec tapnet0 no",
      "resolvectl dnsovertls tapnet0 no",
      "resolvectl revert tapnet0",
    ]);
  });

  test("where it is missing, what to do by hand is said once, and nothing is taken back", async () => {
    const { commands, said, registration } = recorder([127]);
    assert.equal(await registration.register(LOOKUP), false);
    await registration.remove();
    assert.deepEqual(commands, ["resolvectl dns tapnet0 10.77.0.1"]);
    assert.deepEqual(said, [instruction(LOOKUP)]);
    assert.match(said[0], /server=\/tapnet\.internal\/10\.77\.0\.1/);
  });

  test("where it has not heard of the interface yet, it is told again", async () => {
    const { commands, clock, registration } = recorder([99, 99]);
    const registered = registration.register(LOOKUP);
    for (let step = 0; step < 2; step++) {
      await new Promise(setImmediate);
      clock.advance(100);
    }
    assert.equal(await registered, true);
    assert.equal(commands.filter((command) => command.startsWith("resolvectl dns ")).length, 3);
  });

  test("where it refuses half-way, what it took is taken back", async () => {
    const { commands, registration } = recorder([0, 1]);
    assert.equal(await registration.register(LOOKUP), false);
    assert.equal(commands.at(-1), "resolvectl revert tapnet0");
  });
});
