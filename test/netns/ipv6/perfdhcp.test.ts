import assert from "node:assert/strict";
import { test } from "node:test";
import { command, needs, root } from "../../support/needs.js";
import { bringUp, site } from "./site.js";

/** What perfdhcp plays: clients of its own link, and a relay for others. */
const PLAYS = [
  { name: "many clients, an address and a prefix each", options: ["-e", "address-and-prefix"] },
  { name: "many clients behind a relay", options: ["-A", "1"] },
  { name: "many clients that renew and release", options: ["-f", "40", "-F", "40"] },
] as const;

for (const { name, options } of PLAYS) {
  test(`perfdhcp as ${name}: nothing is lost`, needs(root, command("perfdhcp", "kea-admin")), async (t) => {
    const { guest } = await site(t, undefined);
    await guest.sysctl({ "ipv6/conf/eth0/autoconf": 0 });
    await bringUp(guest);
    const load = ["-r", "200", "-R", "100", "-p", "2", "-W", "300000"];
    const report = await guest.must("perfdhcp", "-6", "-l", "eth0", ...load, ...options);
    const of = (what: string): number[] =>
      [...report.matchAll(new RegExp(`^${what}: (\\d+)`, "gm"))].map((match) => Number(match[1]));
    assert.ok(
      of("sent packets").every((sent) => sent > 0),
      report,
    );
    for (const what of ["drops", "rejected leases", "non unique addresses"]) {
      assert.ok(
        of(what).every((count) => count === 0),
        report,
      );
    }
  });
}
